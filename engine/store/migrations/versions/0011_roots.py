"""Named roots: a path under one is kept as ``root:/NAME/…``, and each computer says where it is."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table; paths stay as they are until somebody makes a root."""
    op.create_table(
        "roots",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("key", TEXT, nullable=False, unique=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
    )


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
