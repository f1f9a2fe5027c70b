"""Who may do what in one database: users, roles, grants and denials."""

from __future__ import annotations

from dataclasses import dataclass, field

from .seam import SqlError

# What implies a permission: the broader ones on the same object.
_IMPLIED_BY = {
    "SELECT": ("CONTROL",), "INSERT": ("CONTROL",), "UPDATE": ("CONTROL",), "DELETE": ("CONTROL",),
    "VIEW CHANGE TRACKING": ("CONTROL",), "VIEW DEFINITION": ("CONTROL", "ALTER"), "ALTER": ("CONTROL",),
    "UNMASK": ("CONTROL",), "VIEW DATABASE STATE": ("CONTROL",), "CONTROL": (), "REFERENCES": ("CONTROL",),
    "VIEW SERVER STATE": (), "VIEW ANY DEFINITION": (), "CONNECT": (), "EXECUTE": ("CONTROL",),
    "CREATE TABLE": ("CONTROL", "ALTER"),
}
_OF_ROLES = {"db_datareader": {"SELECT"}, "db_datawriter": {"INSERT", "UPDATE", "DELETE"},
             "db_ddladmin": {"ALTER", "CREATE TABLE"}}

DATABASE = ""


@dataclass
class Permissions:
    """A securable is "" (the database), "schema:<id>" or "object:<id>", and "object:<id>:<column id>"."""

    users: dict[str, str] = field(default_factory=dict)  # lower-case user -> as spelt
    members: dict[str, set[str]] = field(default_factory=dict)  # lower-case user -> roles
    states: dict[tuple[str, str, str], bool] = field(default_factory=dict)  # user, permission, securable -> granted

    def set(self, user: str, permission: str, securable: str, granted: bool | None) -> None:
        """True grants, False denies, None revokes."""
        permission = permission.upper()
        if permission not in _IMPLIED_BY:
            raise SqlError(102, f"Incorrect syntax near '{permission}'.", severity=15)
        key = (user.lower(), permission, securable)
        if granted is None:
            self.states.pop(key, None)
        else:
            self.states[key] = granted

    def is_owner(self, user: str) -> bool:
        return user.lower() == "dbo" or "db_owner" in self.members.get(user.lower(), ())

    def has(self, user: str, permission: str, *securables: str) -> bool:
        """Whether the user may, on the first securable or on one of those that hold it. A denial anywhere wins."""
        if self.is_owner(user):
            return True
        wanted = (permission, *_IMPLIED_BY.get(permission, ()))
        principals = [user.lower(), "public", *self.members.get(user.lower(), ())]
        found = False
        for principal in principals:
            if permission in _OF_ROLES.get(principal, ()):
                found = True
            for securable in (*securables, DATABASE):
                for name in wanted:
                    state = self.states.get((principal, name, securable))
                    if state is False:
                        return False
                    found = found or state is True
        return found

    def sees(self, user: str, *securables: str) -> bool:
        """Metadata of an object is visible to whom has any permission on it."""
        if self.is_owner(user) or any(_OF_ROLES.get(role) for role in self.members.get(user.lower(), ())):
            return True
        principals = (user.lower(), "public", *self.members.get(user.lower(), ()))
        return any(granted and principal in principals and (securable in (*securables, DATABASE)
                                                            or any(securable.startswith(s + ":") for s in securables))
                   and permission not in ("CONNECT", "VIEW DATABASE STATE", "CREATE TABLE", "UNMASK")
                   for (principal, permission, securable), granted in self.states.items())
