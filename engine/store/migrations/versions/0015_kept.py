"""What is another person's stays theirs: whoever puts it back, changes it, or reads what changed.

On a server, triggers note what somebody removed of another person's, so that it comes back as it
was; an author never changes; and notes on what a collection holds are seen by who sees it.  Notes
of another server, of which this is a restored copy, are taken away with the oldest.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
KEPT = 500_000  # notes, 185 MB with their index


def upgrade() -> None:
    """Add the table, which stays empty in a file, and on a server what fills it and guards."""
    op.create_table(
        "removed",
        sa.Column("table_name", TEXT, primary_key=True),
        sa.Column("row_id", WHOLE, primary_key=True),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("shared", WHOLE, nullable=False),
        sa.Column("remover", TEXT, nullable=False),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(_KEEP)
    for function in (_REMOVED, _PUT_BACK, _PRUNE, _NOTE_COLLECTED.format(kept=KEPT)):
        op.execute(function.replace("SCHEMA", str(schema)))
    for table in ("collections", "saved_searches"):
        for name, when in (("removed", "AFTER DELETE"), ("put_back", "BEFORE INSERT")):
            op.execute(
                f"CREATE TRIGGER {name} {when} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION soundsift_{name}()"
            )
    op.execute("DROP TRIGGER follow_shared ON collections")
    op.execute("DROP FUNCTION soundsift_shared()")
    for when, seen in _SEEN.items():
        op.execute(f"DROP TRIGGER follow_{when.lower()} ON collected")
        op.execute(
            f"CREATE TRIGGER follow_{when.lower()} AFTER {when} ON collected {seen} "
            "FOR EACH STATEMENT EXECUTE FUNCTION soundsift_changed_collected()"
        )
    op.execute("DELETE FROM changes")  # whoever follows begins anew, as the schema is another
    op.execute("ALTER TABLE changes ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY private ON changes USING ({_NOTE_IS_SEEN})")


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")


_SEEN = {
    "INSERT": "REFERENCING NEW TABLE AS changed",
    "UPDATE": "REFERENCING NEW TABLE AS changed OLD TABLE AS was",
    "DELETE": "REFERENCING OLD TABLE AS changed",
    "TRUNCATE": "",
}
_NOTE_IS_SEEN = (
    "CASE WHEN table_name = 'collected' AND row_key <> '' "
    "THEN split_part(row_key, '/', 1)::bigint IN (SELECT id FROM collections) ELSE true END"
)
_KEEP = """
CREATE OR REPLACE FUNCTION soundsift_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    looks_after boolean := pg_has_role(
        session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE');
    theirs text;
    may boolean := looks_after;
BEGIN
    IF TG_TABLE_NAME = 'collected' THEN
        EXECUTE format('SELECT author FROM %I.collections WHERE id = $1', TG_TABLE_SCHEMA)
            INTO theirs
            USING CASE WHEN TG_OP = 'INSERT' THEN NEW.collection_id ELSE OLD.collection_id END;
    ELSE
        theirs := OLD.author;
    END IF;
    IF TG_TABLE_NAME <> 'history' THEN
        may := has_table_privilege(session_user, format('%I.sounds', TG_TABLE_SCHEMA), 'UPDATE');
    END IF;
    IF theirs <> session_user AND NOT may THEN  -- null: the collection is gone, and this with it
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not yours', DETAIL = theirs,
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'soundsift_owner';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME <> 'collected' AND NOT looks_after THEN
        NEW.author := OLD.author;
    END IF;
    RETURN NEW;
END $$
"""
_REMOVED = """
CREATE FUNCTION soundsift_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = SCHEMA, pg_temp AS $$
BEGIN
    IF OLD.author <> session_user
            AND NOT EXISTS (SELECT FROM settings WHERE name = 'copying') THEN
        INSERT INTO removed VALUES (TG_TABLE_NAME, OLD.id, OLD.author, OLD.shared, session_user)
            ON CONFLICT (table_name, row_id) DO UPDATE SET author = excluded.author,
                shared = excluded.shared, remover = excluded.remover;
    END IF;
    RETURN NULL;
END $$
"""
_PUT_BACK = """
CREATE FUNCTION soundsift_put_back() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = SCHEMA, pg_temp AS $$
DECLARE
    was record;
BEGIN
    DELETE FROM removed
        WHERE table_name = TG_TABLE_NAME AND row_id = NEW.id AND remover = session_user
        RETURNING author, shared INTO was;
    IF FOUND THEN
        NEW.author := was.author;
        NEW.shared := was.shared;
    END IF;
    RETURN NEW;
END $$
"""
_PRUNE = """
CREATE OR REPLACE FUNCTION soundsift_prune(kept bigint) RETURNS void
LANGUAGE plpgsql SET search_path = SCHEMA, pg_temp AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
    last bigint;
BEGIN
    -- Nobody here has had these numbers: they are of the server that this was restored from.
    DELETE FROM changes
        WHERE pg_snapshot_xmax(pg_current_snapshot())::text::bigint
            <= CASE transaction_id WHEN 0 THEN row_key::bigint WHEN mine THEN 0
                ELSE transaction_id END;
    SELECT transaction_id INTO last FROM changes WHERE transaction_id > 0
        ORDER BY transaction_id DESC OFFSET kept LIMIT 1;
    IF last IS NOT NULL THEN
        DELETE FROM changes WHERE transaction_id <= last;
        INSERT INTO changes VALUES (0, '', last::text);
    END IF;
END $$
"""
_NOTE_COLLECTED = """
CREATE FUNCTION soundsift_changed_collected() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = SCHEMA, pg_temp AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO changes VALUES (mine, TG_TABLE_NAME, '') ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO changes
            SELECT mine, TG_TABLE_NAME, collection_id || '/' || sound_id FROM changed
            UNION SELECT mine, TG_TABLE_NAME, collection_id || '/' || sound_id FROM was
            ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO changes
            SELECT mine, TG_TABLE_NAME, collection_id || '/' || sound_id FROM changed
            ON CONFLICT DO NOTHING;
    END IF;
    IF FOUND THEN
        PERFORM pg_notify('soundsift_changes', '');
        IF random() < 0.0005 THEN
            PERFORM soundsift_prune({kept});
        END IF;
    END IF;
    RETURN NULL;
END $$
"""
