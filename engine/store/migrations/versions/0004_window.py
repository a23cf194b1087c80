"""What the window keeps: thumbnails and collections; words go when their sound goes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables and the trigger."""
    op.create_table(
        "thumbnails",
        sa.Column(
            "sound_id",
            WHOLE,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "collections",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
    )
    op.create_table(
        "collected",
        sa.Column(
            "collection_id",
            WHOLE,
            sa.ForeignKey("collections.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "sound_id",
            WHOLE,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("collected_sound_id", "collected", ["sound_id"])
    if op.get_bind().dialect.name == "postgresql":
        _create_words_of_server()
        return
    op.execute("DELETE FROM words WHERE rowid NOT IN (SELECT id FROM sounds)")
    op.execute(
        "CREATE TRIGGER sound_gone AFTER DELETE ON sounds "
        "BEGIN DELETE FROM words WHERE rowid = old.id; END"
    )


def _create_words_of_server() -> None:
    """Create what FTS5 is in SQLite; lexemes come from the client."""
    op.execute(
        "CREATE TABLE words (rowid bigint PRIMARY KEY REFERENCES sounds ON DELETE CASCADE, "
        "name text NOT NULL, folders text NOT NULL, details text NOT NULL, "
        "category text NOT NULL, tags text NOT NULL, vector tsvector NOT NULL)"
    )
    op.execute("CREATE INDEX words_vector ON words USING gin (vector) WITH (fastupdate = off)")


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
