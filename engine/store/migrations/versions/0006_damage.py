"""What of a damaged sound could not be heard."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column: a note, or null where nothing is wrong."""
    op.add_column("sounds", sa.Column("damage", TEXT))


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
