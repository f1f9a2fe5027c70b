from __future__ import annotations


class TidemarkError(RuntimeError):
    """What the program could not do.

    ``kind`` says what a caller may do about it, ``message`` and ``hint`` are for people:

    ============  ==============================================================================
    invalid       the call or the configuration is wrong
    not_found     a file, a table or a destination is not there
    conflict      another run holds the table; it does the work
    denied        no permission, or wrong credentials
    unavailable   busy, unreachable or full; the same call may succeed later
    corrupt       data contradicts itself
    unsupported   not in this version
    cancelled     it was interrupted; what was committed stays
    internal      a mistake in tidemark
    ============  ==============================================================================
    """

    def __init__(self, kind: str, message: str, hint: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(f"{message} (hint: {hint})" if hint else message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        """The program's exit code, if it ended the run."""
