from dataclasses import replace

from engine.index.mapping import adopt_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.session import model_of
from engine.store.adopted import AdoptedModel, adopted_model


def test_a_library_knows_its_model_from_the_first_run_on(library, model_folder):
    assert adopted_model(library) is None
    adopt_model(library, model_folder, Control())
    spec = read_spec(model_folder)
    known = adopted_model(library)
    assert known == AdoptedModel(str(model_folder), "random", spec.id, spec.audio_id)
    assert model_of(library) == model_folder


def test_what_is_written_is_what_is_read_in_the_names_that_older_libraries_have(library):
    model = AdoptedModel("/models/café", "Café", "id", "audio")
    library.set_settings(model.settings())
    assert adopted_model(library) == model
    assert library.setting("model_folder") == "/models/café".encode()
    assert library.setting("model_name") == "Café".encode()
    library.set_settings(replace(model, found_by="default").settings())
    assert library.setting("model_folder") == b"default"
