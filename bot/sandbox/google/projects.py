"""Projects have an id and a number; Vertex AI takes either and answers with the number."""

import hashlib


class Projects:
    """The numbers of projects. Any id is a project here; the number follows from the id."""

    def __init__(self, project: str) -> None:
        self._numbers: dict[str, str] = {}
        self.number(project)

    def number(self, project: str) -> str:
        """Return a project's number, given its id or its number."""
        if project.isdigit():
            return project
        if project not in self._numbers:
            digest = int(hashlib.sha256(project.encode()).hexdigest(), 16)
            self._numbers[project] = str(10**11 + digest % (9 * 10**11))
        return self._numbers[project]
