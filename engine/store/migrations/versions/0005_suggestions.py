"""How likely a tag is, and for what part of its sound it was said."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns, and an index of tags by their state."""
    for name in ("probability", "start_s", "end_s"):
        op.add_column("tags", sa.Column(name, sa.Float))
    op.create_index("tags_by_state", "tags", ["state", "label", "sound_id"])


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
