"""What can be wrong with the file that templates are kept in: each says which file, what, and what to do."""

from __future__ import annotations


class StoreError(RuntimeError):
    """The file can't be used, or a change could not be written; what was there before is still there."""


class StoreInUseError(StoreError):
    """Another process has the file open."""


class StoreDamagedError(StoreError):
    """The file is truncated, overwritten, or no database at all. It was left as it is."""


class StoreFormatError(StoreError):
    """The file was made by an older or a newer Anju."""


class WrongSiteKeyError(StoreError):
    """The templates in the file were encrypted under another site key."""


class StoreFullError(StoreError):
    """No room for a change; nothing of it was written."""


class LogNotFoldedError(StoreError):
    """What was erased may still stand in the database's log: fold it again in a moment."""


class UnknownTemplateError(StoreError):
    """No such template is kept, or what is kept can't be opened."""


class TooManyTemplatesError(StoreError):
    """More templates under one consent than a person has faces."""


class SealBrokenError(ValueError):
    """Ciphertext made with another key, for another place, or damaged."""
