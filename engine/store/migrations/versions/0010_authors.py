"""Who made a decision: in a library on a server the name by which they logged in, else nothing.

On a server triggers write it, whatever a client says, and keep what one person made from others:
collections, saved searches and steps of history.  Whoever may change sounds may change them, too,
but for history.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, and on a server what fills and guards them."""
    for table in ("tags", "history", "collections", "saved_searches"):
        op.add_column(table, sa.Column("author", TEXT, nullable=False, server_default=""))
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_WRITE)
    op.execute(_KEEP)
    for table in ("tags", "history", "collections", "saved_searches"):
        when = "INSERT OR UPDATE" if table == "tags" else "INSERT"
        op.execute(
            f"CREATE TRIGGER author BEFORE {when} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION soundsift_author()"
        )
    for table in ("history", "collections", "saved_searches", "collected"):
        when = "INSERT OR UPDATE OR DELETE" if table == "collected" else "UPDATE OR DELETE"
        op.execute(
            f"CREATE TRIGGER owner BEFORE {when} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION soundsift_owner()"
        )


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")


_WRITE = """
CREATE FUNCTION soundsift_author() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    looks_after boolean := pg_has_role(
        session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE');
    copying boolean := false;
BEGIN
    -- Who owns the tables may copy a library with the authors that it has, or has not.
    IF looks_after AND NEW.author = '' THEN
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %I.settings WHERE name = ''copying'')', TG_TABLE_SCHEMA)
            INTO copying;
    END IF;
    IF NOT looks_after OR (NEW.author = '' AND NOT copying)
            OR (TG_OP = 'UPDATE' AND NEW.author = OLD.author) THEN
        NEW.author := session_user;
    END IF;
    RETURN NEW;
END $$
"""
_KEEP = """
CREATE FUNCTION soundsift_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    theirs text;
    may boolean;
BEGIN
    IF TG_TABLE_NAME = 'collected' THEN
        EXECUTE format('SELECT author FROM %I.collections WHERE id = $1', TG_TABLE_SCHEMA)
            INTO theirs
            USING CASE WHEN TG_OP = 'INSERT' THEN NEW.collection_id ELSE OLD.collection_id END;
    ELSE
        theirs := OLD.author;
    END IF;
    IF TG_TABLE_NAME = 'history' THEN
        may := pg_has_role(
            session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE');
    ELSE
        may := has_table_privilege(session_user, format('%I.sounds', TG_TABLE_SCHEMA), 'UPDATE');
    END IF;
    IF theirs <> session_user AND NOT may THEN  -- null: the collection is gone, and this with it
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not yours', DETAIL = theirs,
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'soundsift_owner';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME <> 'collected' AND NOT may THEN
        NEW.author := OLD.author;
    END IF;
    RETURN NEW;
END $$
"""
