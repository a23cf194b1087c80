"""What has changed in a library on a server, so that copies near its users can follow.

Triggers note which rows a transaction changed, for the rows of a sound the sound, and tell those
who listen when it commits.  Nobody needs the right to write that table: the triggers run as its
owner.  Now and then the oldest notes go; row zero says up to which transaction.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
KEPT = 500_000  # notes, 185 MB with their index
KEYS = {
    "id": ("roots", "folders", "sounds", "collections", "saved_searches", "history"),
    "sound_id": ("windows", "tags", "thumbnails", "collected", "regions", "marks", "uses"),
    "rowid": ("words",),
    "path": ("skipped",),
    "name": ("settings",),
    "folder": ("interest",),
}


def upgrade() -> None:
    """Add the table, which stays empty in a file, and on a server what fills it."""
    op.create_table(
        "changes",
        sa.Column("transaction_id", WHOLE, primary_key=True),
        sa.Column("table_name", TEXT, primary_key=True),
        sa.Column("row_key", TEXT, primary_key=True),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(_PRUNE.format(schema=schema))
    for key, tables in KEYS.items():
        op.execute(_NOTE.format(schema=schema, key=key, kept=KEPT))
        for table in tables:
            for when, seen in _SEEN.items():
                each = "EACH STATEMENT EXECUTE FUNCTION"
                op.execute(
                    f"CREATE TRIGGER follow_{when.lower()} AFTER {when} ON {table} {seen} "
                    f"FOR {each} soundsift_changed_{key}()"
                )
    op.execute(_NOTE_SHARED.format(schema=schema))
    op.execute(
        "CREATE TRIGGER follow_shared AFTER UPDATE OF shared ON collections "
        "FOR EACH ROW EXECUTE FUNCTION soundsift_shared()"
    )


def downgrade() -> None:
    """Take nothing back: the library was copied before it was migrated."""
    raise NotImplementedError("use the copy that was made before the migration")


_SEEN = {
    "INSERT": "REFERENCING NEW TABLE AS changed",
    "UPDATE": "REFERENCING NEW TABLE AS changed OLD TABLE AS was",
    "DELETE": "REFERENCING OLD TABLE AS changed",
    "TRUNCATE": "",
}
_PRUNE = """
CREATE FUNCTION soundsift_prune(kept bigint) RETURNS void
LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
DECLARE
    last bigint;
BEGIN
    SELECT transaction_id INTO last FROM changes WHERE transaction_id > 0
        ORDER BY transaction_id DESC OFFSET kept LIMIT 1;
    IF last IS NOT NULL THEN
        DELETE FROM changes WHERE transaction_id <= last;
        INSERT INTO changes VALUES (0, '', last::text);
    END IF;
END $$
"""
_NOTE_SHARED = """
CREATE FUNCTION soundsift_shared() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    -- What is in it is seen, or hidden, with it.
    INSERT INTO changes
        SELECT pg_current_xact_id()::text::bigint, 'collected', sound_id::text
        FROM collected WHERE collection_id = NEW.id
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
_NOTE = """
CREATE FUNCTION soundsift_changed_{key}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO changes VALUES (mine, TG_TABLE_NAME, '') ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO changes
            SELECT mine, TG_TABLE_NAME, {key}::text FROM changed
            UNION SELECT mine, TG_TABLE_NAME, {key}::text FROM was
            ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO changes SELECT DISTINCT mine, TG_TABLE_NAME, {key}::text FROM changed
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
