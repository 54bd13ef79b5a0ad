"""What insightface 2.1's own code makes of one picture; run by `.cache/reference/bin/python`.

Only classes that load a plain ONNX file are used: `SCRFD`, `ArcFaceONNX` and `face_align`. Nothing
of ours is imported.

    insightface_says.py PICTURE LANDMARKS.npy EMBEDDER MEAN SCALE OUT.npz [DETECTOR WIDTH HEIGHT]
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.model_zoo.scrfd import SCRFD
from insightface.utils import face_align


def main(words: list[str]) -> None:
    """Crops and embeddings at the landmarks; with a detector also boxes and landmarks."""
    picture, landmarks, embedder, mean, scale, out, *detector = words
    image = cv2.imread(picture)
    found: dict[str, Any] = {}
    if detector:
        scrfd = SCRFD(detector[0])
        scrfd.prepare(-1)
        size = (int(detector[1]), int(detector[2]))
        found["boxes"], found["landmarks"] = scrfd.detect(image, input_size=size)
    crops = [face_align.norm_crop(image, five) for five in np.load(landmarks)]
    arcface = ArcFaceONNX(embedder)
    # It guesses these from node names; our manifest states them.
    arcface.input_mean, arcface.input_std = float(mean), float(scale)
    found["crops"] = np.stack(crops)
    found["embeddings"] = arcface.get_feat(crops)
    found["mirrored"] = arcface.get_feat([crop[:, ::-1].copy() for crop in crops])
    np.savez(out, **found)


main(sys.argv[1:])
