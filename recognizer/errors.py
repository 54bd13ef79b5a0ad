"""The recogniser's error tree. Messages are one line and never hold a picture or an embedding."""

from __future__ import annotations


class RecognizerError(Exception):
    """Anything that the recogniser refuses."""


class ManifestError(RecognizerError, ValueError):
    """The manifest of weights contradicts itself or has unknown keys."""


class UnknownPackError(RecognizerError, LookupError):
    """The settings name a pack that the manifest does not have."""


class LicenceError(RecognizerError, PermissionError):
    """A pack whose licence limits its use was chosen without the operator's written acceptance."""


class MissingWeightsError(RecognizerError, FileNotFoundError):
    """A weight file is not there. The message names the files and the command that brings them."""


class MissingCalibrationError(RecognizerError, LookupError):
    """A threshold was asked of a pack that was never calibrated; the message names the command."""


class ModelError(RecognizerError, ValueError):
    """A weight file is not the network it should be, or was fed something else than it takes."""


class WrongWeightsError(ModelError):
    """A weight file has another digest than the manifest; the message names both."""


class ImageError(RecognizerError, ValueError):
    """A frame or photo is not a (h, w, 3) uint8 BGR array."""


class GalleryError(RecognizerError, ValueError):
    """Templates and probe do not fit together, or hold numbers that are not finite."""
