"""What users keep of sounds: stars, colours, notes, uses, saved searches, and what can be undone.

Collections get ids that never come twice: a step that can be undone names them by their ids.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables, and make those of collections anew."""
    op.create_table(
        "marks",
        _of_sound(primary_key=True),
        sa.Column("stars", WHOLE, nullable=False),
        sa.Column("colour", TEXT),
        sa.Column("note", TEXT),
        sa.Column("note_words", TEXT),
    )
    op.create_index("marks_by_stars", "marks", ["stars"])
    op.create_index("marks_by_colour", "marks", ["colour"])
    op.create_table(
        "uses",
        sa.Column("id", WHOLE, primary_key=True),
        _of_sound(nullable=False),
        sa.Column("used_ns", WHOLE, nullable=False),
        sa.Column("project", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("uses_by_sound", "uses", ["sound_id", "used_ns"])
    op.create_index("uses_by_project", "uses", ["project"])
    op.create_table(
        "saved_searches",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sa.Column("text", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "history",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("done_ns", WHOLE, nullable=False),
        sa.Column("undone", WHOLE, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("change", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    _make_collections_anew()


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")


def _of_sound(**more: Any) -> sa.Column[int]:
    return sa.Column("sound_id", WHOLE, sa.ForeignKey("sounds.id", ondelete="CASCADE"), **more)


def _make_collections_anew() -> None:
    """Copy both tables before the old ones go: dropping the one would empty the other."""
    op.create_table(
        "collections_new",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collected_new",
        sa.Column(
            "collection_id",
            WHOLE,
            sa.ForeignKey("collections_new.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _of_sound(primary_key=True),
    )
    op.execute("INSERT INTO collections_new (id, name) SELECT id, name FROM collections")
    op.execute(
        "INSERT INTO collected_new (collection_id, sound_id) "
        "SELECT collection_id, sound_id FROM collected"
    )
    for name in ("collected", "collections"):
        op.drop_table(name)
    for name in ("collections", "collected"):
        op.rename_table(f"{name}_new", name)
    op.create_index("collected_sound_id", "collected", ["sound_id"])
