"""Collections and saved searches are their maker's own until they are shared.

Names are unique for each author.  On a server, policies hide what is another person's and not
shared, and steps of history with it; what was there before was seen by all, and stays shared.  The
tables' owner sees everything, as back-ups need it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_OWN = ("collections", "saved_searches")


def upgrade() -> None:
    """Add the columns, and on a server what hides rows."""
    if op.get_bind().dialect.name != "postgresql":
        _make_anew()
        return
    for table in _OWN:
        op.add_column(table, sa.Column("shared", WHOLE, nullable=False, server_default="0"))
        op.execute(sa.table(table, sa.column("shared")).update().values(shared=1))
        for name in (f"{table}_name_key", f"{table}_new_name_key"):
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.create_unique_constraint(f"{table}_author_name_key", table, ["author", "name"])
    op.execute(_PRIVATE)
    for table in _OWN:
        op.execute(
            f"CREATE TRIGGER private BEFORE UPDATE OF shared ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION soundsift_private()"
        )
    mine = "author = session_user OR author = ''"
    for table, seen in (
        ("collections", f"shared = 1 OR {mine}"),
        ("saved_searches", f"shared = 1 OR {mine}"),
        ("collected", "collection_id IN (SELECT id FROM collections)"),
        ("history", mine),
    ):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY private ON {table} USING ({seen})")


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")


def _make_anew() -> None:
    """Copy the tables, whose constraints SQLite cannot change, before the old ones go.

    Ids count on from where they were: they never come twice.
    """
    for name, columns in (
        ("collections", ["name"]),
        ("saved_searches", ["name", "text"]),
    ):
        op.create_table(
            f"{name}_new",
            sa.Column("id", WHOLE, primary_key=True),
            *(sa.Column(column, TEXT, nullable=False) for column in columns),
            sa.Column("author", TEXT, nullable=False, server_default=""),
            sa.Column("shared", WHOLE, nullable=False, server_default="0"),
            sa.UniqueConstraint("author", "name"),
            sqlite_autoincrement=True,
        )
        _copy(name, ["id", *columns, "author"])
        counted = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
        highest = sa.select(sa.literal(f"{name}_new"), counted.c.seq).where(counted.c.name == name)
        op.execute(counted.delete().where(counted.c.name == f"{name}_new"))
        op.execute(counted.insert().from_select(["name", "seq"], highest))
    op.create_table(
        "collected_new",
        _of("collection_id", "collections_new"),
        _of("sound_id", "sounds"),
    )
    _copy("collected", ["collection_id", "sound_id"])
    for name in ("collected", *_OWN):
        op.drop_table(name)
    for name in (*_OWN, "collected"):
        op.rename_table(f"{name}_new", name)
    op.create_index("collected_sound_id", "collected", ["sound_id"])


def _copy(name: str, columns: list[str]) -> None:
    """Copy rows into the table that takes another one's place."""
    old, new = (sa.table(n, *map(sa.column, columns)) for n in (name, f"{name}_new"))
    op.execute(new.insert().from_select(columns, sa.select(*old.c)))


def _of(name: str, table: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, WHOLE, key, primary_key=True)


_PRIVATE = """
CREATE FUNCTION soundsift_private() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Nobody shares what is another person's, or takes it from the team.
    IF NEW.shared <> OLD.shared AND OLD.author <> '' AND OLD.author <> session_user THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not yours', DETAIL = OLD.author,
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'soundsift_owner';
    END IF;
    RETURN NEW;
END $$
"""
