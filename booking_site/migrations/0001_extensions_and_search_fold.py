"""What the tables of all apps stand on: three extensions and the one rule of folding text for search."""

from django.contrib.postgres.operations import BtreeGistExtension, TrigramExtension, UnaccentExtension
from django.db import migrations

# IMMUTABLE, so that a generated column and its index may use it: the dictionary is named with its schema and never
# depends on search_path. unaccent() itself is only STABLE because a dictionary file can be edited.
CREATE = """
DO $do$
DECLARE home text;
BEGIN
    SELECT nspname INTO home FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'unaccent';
    EXECUTE format(
        $sql$
        CREATE FUNCTION search_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN lower(%I.unaccent(%L::regdictionary, normalize(value, NFKC)))
        $sql$,
        home, quote_ident(home) || '.unaccent'
    );
END
$do$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        BtreeGistExtension(),
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunSQL(CREATE, "DROP FUNCTION search_fold(text)"),
    ]
