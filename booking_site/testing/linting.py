"""The site's own settings, with the linter of migrations, for ``make check``: new migrations must let the version that
runs go on. Those that were there before the linter was are left out: they have run, and may not change."""

from booking_site.settings import *  # noqa: F403
from booking_site.testing.clusters import ROOT, SOURCES

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]  # noqa: F405
BEFORE_THE_LINTER = [
    "0001_extensions_and_search_fold",
    "0001_initial",
    "0001_roles",
    "0002_append_only",
    "0002_appointment_follows_slot",
    "0002_doctor_code_sequence",
    "0002_merging",
    "0002_planning_roles",
    "0002_read_positions",
    "0002_throttle_unlogged",
    "0002_tries_unlogged",
    "0002_visit_types",
    "0003_front_desk_roles",
    "0003_merging_on_live_tables",
    "0003_new_times",
    "0003_object_scope",
    "0003_staff_profiles",
    "0003_visit_types_in_use",
    "0003_word_for_the_id_of_the_actor",
    "0004_name_keys",
    "0004_new_times_on_live_tables",
    "0004_partitions_and_seals",
    "0004_plans",
    "0004_staff_see_what_they_saw",
    "0004_who_merges_patients",
    "0005_backstop",
    "0005_name_and_record_number_indexes",
    "0005_plans_on_live_tables",
    "0005_privacy_roles",
    "0005_visit_types_of_their_slots",
    "0006_front_desk",
    "0006_open_slots_by_what_is_left_out",
    "0006_privacy",
    "0007_front_desk_on_live_tables",
    "0007_privacy_on_live_tables",
    "0007_word_for_the_source_of_a_closure",
    "0008_moves",
]
MIGRATION_LINTER_OPTIONS = {
    "include_apps": [*SOURCES, "accounts", "api", "console"],
    "ignore_name": BEFORE_THE_LINTER,
    "project_root_path": str(ROOT),
    "no_cache": True,
}
