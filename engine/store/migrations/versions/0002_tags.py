"""Tags of sounds, with who said them and whether a person agreed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of tags."""
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "sound_id",
            sa.Integer,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("said_by", sa.String, nullable=False),
        sa.UniqueConstraint("sound_id", "label"),
    )


def downgrade() -> None:
    """Drop the table of tags."""
    op.drop_table("tags")
