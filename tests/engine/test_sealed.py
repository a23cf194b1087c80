import json

import pytest

from engine.sealed import seal, seal_bytes, unseal, unseal_bytes


def test_what_is_sealed_comes_back():
    document = {"rows": 3, "vectors": [1, 2**32 - 1], "scale": 0.1}
    assert unseal(seal(document).encode()) == document
    assert unseal_bytes(seal_bytes(b"peaks", "a"), "a") == b"peaks"


@pytest.mark.parametrize("change", [{"rows": 4}, {"more": 1}, {"checksum": None}])
def test_a_changed_document_is_refused(change):
    changed = {**json.loads(seal({"rows": 3})), **change}
    with pytest.raises(ValueError, match="something else"):
        unseal(json.dumps(changed).encode())


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff\xfe", b'{"rows": 3}'])
def test_what_was_never_sealed_is_refused(data):
    with pytest.raises(ValueError):
        unseal(data)
    with pytest.raises(ValueError):
        unseal_bytes(data, "a")


def test_bytes_of_something_else_are_refused():
    with pytest.raises(ValueError):
        unseal_bytes(seal_bytes(b"peaks", "a"), "b")
