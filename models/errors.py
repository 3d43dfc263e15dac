"""What can go wrong with model files. Every text says what, where and what to do about it."""

from __future__ import annotations


class ModelError(Exception):
    """Base of everything that keeps a model from being fetched or opened."""


class UnknownModelError(ModelError):
    """A name that is not in the manifest, or a model asked to do a task it wasn't made for."""


class LicenceNotAcceptedError(ModelError):
    """The model's licence has to be accepted in so many words, and nobody has."""


class ModelRunError(ModelError):
    """A model that was opened and can't answer: memory, a device, a driver. What it was asked about is not decided."""


class ChecksumError(ModelError):
    """Bytes that are not the model's."""


class SourceError(ModelError):
    """One source did not give the file: unreachable, refused, or it gave something else."""


class SourcesExhaustedError(ModelError):
    """No source gave the file. ``reasons`` holds one line per source, in the order tried."""

    def __init__(self, model: str, file: str, reasons: tuple[str, ...]) -> None:
        self.model = model
        self.file = file
        self.reasons = reasons
        tried = "".join(f"\n  - {reason}" for reason in reasons)
        super().__init__(
            f"model {model!r}: no source gave {file}; tried:{tried}\n"
            f"Check the network, or put the file into a folder and run: anju models fetch {model} --from FOLDER"
        )


class StoreFullError(ModelError):
    """No room left where the models are kept."""


class StoreBusyError(ModelError):
    """Somebody else is fetching into the same store and does not finish."""


class StoreUnusableError(ModelError):
    """The store's folder can't be read or written."""


class ModelMissingError(ModelError):
    """The model has not been fetched into this store."""


class ModelDamagedError(ModelError):
    """A file in the store is not what was fetched."""
