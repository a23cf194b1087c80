"""What of a damaged sound could not be heard."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column: a note, or null where nothing is wrong."""
    op.add_column("sounds", sa.Column("damage", sa.String))


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
