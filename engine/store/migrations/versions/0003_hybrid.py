"""What headers say, states of sounds, searchable words by field, window ids that never recur."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Change the tables; words of names are indexed anew, headers when next indexed."""
    op.execute("ALTER TABLE sounds RENAME COLUMN missing TO state")
    for column in (
        sa.Column("added_ns", WHOLE, nullable=False, server_default="0"),
        sa.Column("heard_s", sa.Float, nullable=False, server_default="0"),
        sa.Column("description", TEXT),
        sa.Column("category", TEXT),
        sa.Column("category_words", TEXT),
        sa.Column("details", TEXT),
    ):
        op.add_column("sounds", column)
    op.execute("UPDATE sounds SET added_ns = mtime_ns, heard_s = duration_s")
    facts = ["channels", "bits", "added_ns"]
    op.create_index("sounds_by_rate", "sounds", ["state", "rate_hz", "duration_s", *facts])
    op.create_index("sounds_by_duration", "sounds", ["state", "duration_s", *facts])
    op.create_index("sounds_by_age", "sounds", ["state", "added_ns"])
    op.create_table(
        "interest",
        sa.Column("folder", TEXT, primary_key=True),
        sa.Column("searches", WHOLE, nullable=False),
    )
    _recreate_windows()
    if op.get_bind().dialect.name == "sqlite":
        _recreate_words()


def _recreate_words() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE words USING fts5(name, folders, details, category, tags, "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute(
        "INSERT INTO words (rowid, name, folders, details, category, tags) "
        "SELECT rowid, words, '', '', '', '' FROM names"
    )
    op.execute("DROP TABLE names")


def _recreate_windows() -> None:
    op.drop_index("windows_sound_id", "windows")
    op.rename_table("windows", "windows_before")
    op.create_table(
        "windows",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column(
            "sound_id",
            WHOLE,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("features", sa.LargeBinary, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("potential", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO windows SELECT * FROM windows_before")
    op.drop_table("windows_before")
    op.create_index("windows_sound_id", "windows", ["sound_id"])


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
