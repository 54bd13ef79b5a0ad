"""What covers a face, told from its aligned crop: three ratios within one face.

Each compares a part of the face with another part of the same face, so that skin colour, exposure
and an even blur cancel out.

- `brow_light`: a dark cap, brim or hood drawn down to the brows; a thick dark fringe that wholly
  hides them looks the same. A light cap is not noticed, a red one missed three times of
  ten; a dark one that just leaves the brows free is let be (52 of 54 drawn ones).
- `eyes_light`: dark glasses. Ordinary glasses and deep-set or closed eyes leave lit skin around the
  eye.
- `mouth_detail`: plain cloth over mouth and nose has none of the level lines that lips and nostrils
  draw; a beard leaves them. Patterned cloth is not noticed; a hand was not tried.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import Image

# Rows and columns of the 112x112 crop, about ArcFace's landmarks: eyes at (38, 52) and (74, 52),
# nose at (56, 72), mouth corners at (42, 92) and (71, 92).
_EYES = (np.s_[46:58, 28:49], np.s_[46:58, 63:84])
_LIDS = (np.s_[44:58, 28:49], np.s_[44:58, 63:84])
_BROWS = np.s_[38:48, 30:82]
_CHEEKS = (np.s_[64:80, 26:42], np.s_[64:80, 70:86])
_MOUTH = np.s_[80:104, 40:72]


def brow_light(crop: Image) -> float:
    """How bright the lightest tenth of the brow band is, in grey levels of the cheeks' median.

    `crop` is (112, 112, 3) uint8 BGR; the answer is 0 or more, about 1.1 for a free face.
    """
    grey = _smooth(crop)
    return _against_cheeks(grey, grey[_BROWS])


def eyes_light(crop: Image) -> float:
    """How bright the lightest tenth about the eyes is, in grey levels of the cheeks' median.

    `crop` is (112, 112, 3) uint8 BGR; the answer is 0 or more, about 1 for a free face.
    """
    grey = _smooth(crop)
    return _against_cheeks(grey, np.concatenate([grey[part].ravel() for part in _EYES]))


def mouth_detail(crop: Image) -> float:
    """How strong the level lines about the mouth are, as a part of those about the eyes.

    `crop` is (112, 112, 3) uint8 BGR; the answer is 0 or more, about 0.7 for a free face.
    """
    lines = np.abs(cv2.Sobel(_smooth(crop), cv2.CV_32F, 0, 1))
    lids = np.concatenate([lines[part].ravel() for part in _LIDS])
    return float(lines[_MOUTH].mean() / max(float(lids.mean()), 0.1))


def _against_cheeks(grey: NDArray[np.float32], part: NDArray[np.float32]) -> float:
    cheeks = np.concatenate([grey[cheek].ravel() for cheek in _CHEEKS])
    return float(np.percentile(part, 90) / max(float(np.median(cheeks)), 1.0))


def _smooth(crop: Image) -> NDArray[np.float32]:
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), dtype=np.float32)
