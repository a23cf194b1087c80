"""How loud sounds are, and the regions that people name in them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, null until they are measured, with an index; and the table."""
    for name in ("lufs", "range_lu", "peak_db"):
        op.add_column("sounds", sa.Column(name, sa.Float))
    op.create_index("sounds_by_loudness", "sounds", ["state", "lufs", "peak_db", "added_ns"])
    op.create_table(
        "regions",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column(
            "sound_id",
            WHOLE,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("words", TEXT, nullable=False),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
    )
    op.create_index("regions_sound_id", "regions", ["sound_id", "start_s"])


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
