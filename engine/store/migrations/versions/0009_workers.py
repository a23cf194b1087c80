"""Who listens to a library on a server, and to which sounds."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WAITING = sa.text("state = 0 AND content_hash = ''")


def upgrade() -> None:
    """Add the tables, which stay empty in a file, and the order in which sounds wait."""
    op.create_table(
        "workers",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("began_ms", WHOLE, nullable=False),
        sa.Column("until_ms", WHOLE, nullable=False),
        sa.Column("sounds", WHOLE, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("busy_s", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "claims",
        sa.Column(
            "sound_id", WHOLE, sa.ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("worker_id", WHOLE, sa.ForeignKey("workers.id", ondelete="SET NULL")),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("mtime_ns", WHOLE, nullable=False),
        sa.Column("heard_s", sa.Float, nullable=False),
        sa.Column("deaths", WHOLE, nullable=False),
    )
    op.create_index("claims_by_worker", "claims", ["worker_id"])
    op.create_index(
        "sounds_waiting",
        "sounds",
        ["heard_s", "mtime_ns"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")
