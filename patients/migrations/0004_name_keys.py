"""The rules by which names are found: their words, how a word sounds, and the keys that misspellings share.

IMMUTABLE, for the index of the next migration. Where one calls another it keeps the ``search_path`` of now: an index is
made and restored under an empty one.
"""

from django.db import migrations

# The words of a name, folded: case and accents off, split at spaces and every kind of hyphen, apostrophe and point.
# What cannot be seen (joiners, marks of direction) and the optional signs of Arabic and Hebrew vowels are left out.
WORDS = r"""
CREATE FUNCTION name_words(value text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path FROM CURRENT AS $$
DECLARE
    folded text := search_fold(value);
    word text;
    words text[] := '{}';
BEGIN
    IF octet_length(folded) > length(folded) THEN
        folded := regexp_replace(
            translate(folded, 'ςأإآٱةى', 'σااااهي'),
            '[\u00AD\u0300-\u036F\u0591-\u05BD\u05BF-\u05C7\u0640\u064B-\u0652\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]',
            '', 'g'
        );
    END IF;
    FOREACH word IN ARRAY regexp_split_to_array(folded, '[\s!-/:-@\[-`{-~´·ʹ-ʿˈ‘-‟′‵‐-―−־׳״・。、،]+') LOOP
        IF word <> '' AND cardinality(words) < 8 THEN
            words := words || left(word, 40);
        END IF;
    END LOOP;
    RETURN words;
END
$$
"""
# The words, and those that stand side by side written as one: O'Brien, Anna-Maria, De la Cruz.
SPELLINGS = """
CREATE FUNCTION name_spellings(words text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    spelt text[] := words;
    many int := cardinality(words);
BEGIN
    FOR n IN 2 .. many LOOP
        spelt := spelt || left(words[n - 1] || words[n], 40);
    END LOOP;
    IF many > 2 THEN
        spelt := spelt || left(array_to_string(words, ''), 40);
    END IF;
    RETURN spelt;
END
$$
"""
# A folded word with letters that people mistake for one another, when they hear or spell a name, made one letter.
# Letter for letter, so that a slip in the word is no more than a slip in what is heard.
HEARD = """
CREATE FUNCTION name_heard(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(replace(word, 'ph', 'f'), 'cqxyjwvzh', 'kkkiiffs')
"""
# How a word sounds, roughly and in no language in particular: a letter said twice is said once.
SOUND = r"""
CREATE FUNCTION name_sound(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(translate(replace(word, 'ph', 'f'), 'cqxyjwvzh', 'kkkiiffs'), '(.)\1+', '\1', 'g')
"""
# What sounds that are nearly the same have in common: their first seven letters, and those less each of the letters.
# Two that differ by a letter more, less, changed or by two letters swapped share one of these.
NEAR = """
CREATE FUNCTION name_near(sound text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    heard text := '~' || left(sound, 7);
    near text[] := ARRAY[heard];
BEGIN
    IF length(heard) > 4 THEN
        FOR n IN 2 .. length(heard) LOOP
            near := near || overlay(heard PLACING '' FROM n FOR 1);
        END LOOP;
    END IF;
    RETURN near;
END
$$
"""
# All keys of a name. Scripts without spaces: the whole name is one word too, in either order.
KEYS = """
CREATE FUNCTION name_keys(first_name text, last_name text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path FROM CURRENT AS $$
DECLARE
    given text[] := name_words(coalesce(first_name, ''));
    family text[] := name_words(coalesce(last_name, ''));
    spelt text[] := name_spellings(given) || name_spellings(family);
    keys text[] := spelt;
    word text;
BEGIN
    FOREACH word IN ARRAY spelt LOOP
        keys := keys || name_near(name_sound(word));
    END LOOP;
    IF array_to_string(given || family, '') ~ '^[^a-z]+$' THEN
        keys := keys || left(array_to_string(given || family, ''), 80)
            || left(array_to_string(family || given, ''), 80);
    END IF;
    RETURN array_to_tsvector(keys);
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_merging_on_live_tables")]
    operations = [
        migrations.RunSQL(WORDS, "DROP FUNCTION name_words(text)"),
        migrations.RunSQL(SPELLINGS, "DROP FUNCTION name_spellings(text[])"),
        migrations.RunSQL(HEARD, "DROP FUNCTION name_heard(text)"),
        migrations.RunSQL(SOUND, "DROP FUNCTION name_sound(text)"),
        migrations.RunSQL(NEAR, "DROP FUNCTION name_near(text)"),
        migrations.RunSQL(KEYS, "DROP FUNCTION name_keys(text, text)"),
    ]
