"""What the window keeps: thumbnails and collections; words go when their sound goes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables and the trigger."""
    op.create_table(
        "thumbnails",
        sa.Column(
            "sound_id",
            sa.Integer,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
    )
    op.create_table(
        "collected",
        sa.Column(
            "collection_id",
            sa.Integer,
            sa.ForeignKey("collections.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "sound_id",
            sa.Integer,
            sa.ForeignKey("sounds.id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("collected_sound_id", "collected", ["sound_id"])
    op.execute("DELETE FROM words WHERE rowid NOT IN (SELECT id FROM sounds)")
    op.execute(
        "CREATE TRIGGER sound_gone AFTER DELETE ON sounds "
        "BEGIN DELETE FROM words WHERE rowid = old.id; END"
    )


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
