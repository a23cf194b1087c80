"""What the channels of a sound are for: ``5.1``, ``ambisonic 1``.

It is null where nobody has looked yet: the next index run reads the headers of those files again,
and listens to none.  Of one channel or two nothing is said.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column."""
    op.add_column("sounds", sa.Column("layout", TEXT))
    op.execute("UPDATE sounds SET layout = '' WHERE channels < 3")


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
