"""Giving permissions to the roles of staff (groups), from migrations."""

from typing import Any

Roles = dict[str, list[str]]  # role: permissions as app.codename


def grant(apps: Any, roles: Roles) -> None:
    """Give each role these permissions; what is not there yet is made."""
    for role, names in roles.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        group.permissions.add(*(_permission(apps, name) for name in names))


def revoke(apps: Any, roles: Roles) -> None:
    """Take them away again."""
    for role, names in roles.items():
        group = apps.get_model("auth", "Group").objects.filter(name=role).first()
        if group is not None:
            group.permissions.remove(*(_permission(apps, name) for name in names))


def _permission(apps: Any, name: str) -> Any:
    """Django makes permissions after all migrations have run; on a new database they are not there yet."""
    app, codename = name.split(".")
    verb, model = codename.split("_", 1)
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": f"Can {verb} {model}"}
    )
    return permission
