"""Tags of sounds, with who said them and whether a person agreed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table of tags."""
    op.create_table(
        "tags",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column(
            "sound_id",
            WHOLE,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("said_by", TEXT, nullable=False),
        sa.UniqueConstraint("sound_id", "label"),
    )


def downgrade() -> None:
    """Drop the table of tags."""
    op.drop_table("tags")
