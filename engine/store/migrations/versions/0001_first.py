"""The first schema: folders, sounds, windows, skipped files, settings, names."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "folders",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("path", TEXT, nullable=False, unique=True),
    )
    op.create_table(
        "sounds",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("path", TEXT, nullable=False, unique=True),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("mtime_ns", WHOLE, nullable=False),
        sa.Column("content_hash", TEXT, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("rate_hz", WHOLE, nullable=False),
        sa.Column("channels", WHOLE, nullable=False),
        sa.Column("bits", WHOLE),
        sa.Column("format", TEXT, nullable=False),
        sa.Column("missing", WHOLE, nullable=False),
    )
    op.create_index("sounds_content_hash", "sounds", ["content_hash"])
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
    )
    op.create_index("windows_sound_id", "windows", ["sound_id"])
    op.create_table(
        "skipped",
        sa.Column("path", TEXT, primary_key=True),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("mtime_ns", WHOLE, nullable=False),
        sa.Column("ctime_ns", WHOLE, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE names USING "
            "fts5(words, tokenize='porter unicode61 remove_diacritics 2')"
        )


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError("the first schema cannot be taken back")
