"""Why an enrolment is refused: a stable word for programs, and what to do about it for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalReason(StrEnum):
    """Part of the HTTP interface: pages choose their words by it."""

    BAD_FORM = "bad_form"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    NOT_STORED = "not_stored"
    TICKET_INVALID = "ticket_invalid"
    TICKET_OTHER_EDGE = "ticket_other_edge"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_USED = "ticket_used"
    NOT_A_PICTURE = "not_a_picture"
    TOO_MANY_PIXELS = "too_many_pixels"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    TURNED = "turned"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class Advice:
    """HTTP status, and what to do in English and Chinese."""

    status: int
    en: str
    zh: str


ADVICE: dict[RefusalReason, Advice] = {
    RefusalReason.BAD_FORM: Advice(
        400,
        "Send a multipart form with the text 'ticket' and the file 'portrait'.",
        "请以 multipart 表单提交 ticket 文本和 portrait 图片。",
    ),
    RefusalReason.TOO_LARGE: Advice(
        413, "The upload is larger than 8 MB: send a smaller picture.", "上传超过 8 MB，请使用较小的照片。"
    ),
    RefusalReason.TOO_SLOW: Advice(
        408, "The upload took too long: try again on a better connection.", "上传超时，请在网络良好时重试。"
    ),
    RefusalReason.BUSY: Advice(
        503, "Other enrolments are waiting: try again in a few seconds.", "正在处理其他录入，请几秒后重试。"
    ),
    RefusalReason.NOT_STORED: Advice(
        503,
        "This edge could not store the result: tell the administrator; the ticket stays valid.",
        "边缘设备无法保存结果，请联系管理员；录入凭证仍然有效。",
    ),
    RefusalReason.TICKET_INVALID: Advice(
        403, "The ticket is not one of this estate: ask for a new one.", "录入凭证无效，请重新申请。"
    ),
    RefusalReason.TICKET_OTHER_EDGE: Advice(
        403, "The ticket is for another edge: send the picture there.", "录入凭证属于另一台边缘设备，请提交到该设备。"
    ),
    RefusalReason.TICKET_EXPIRED: Advice(
        403, "The ticket has expired: ask for a new one.", "录入凭证已过期，请重新申请。"
    ),
    RefusalReason.TICKET_USED: Advice(
        409, "The ticket was used already: ask for a new one.", "录入凭证已使用，请重新申请。"
    ),
    RefusalReason.NOT_A_PICTURE: Advice(
        415,
        "This is no JPEG, PNG or WebP picture: choose another file.",
        "不是有效的 JPEG、PNG 或 WebP 图片，请换一张。",
    ),
    RefusalReason.TOO_MANY_PIXELS: Advice(
        413, "The picture has more than 25 megapixels: send a smaller one.", "图片超过 2500 万像素，请换一张较小的。"
    ),
    RefusalReason.NO_FACE: Advice(
        422, "No face was found: face the camera, in good light, alone.", "未检测到人脸，请在光线充足处独自正对镜头。"
    ),
    RefusalReason.SEVERAL_FACES: Advice(
        422, "More than one face was found: only you may be in the picture.", "检测到多张人脸，照片中只能有您一人。"
    ),
    RefusalReason.TOO_SMALL: Advice(422, "The face is too small: come closer.", "人脸太小，请靠近一些。"),
    RefusalReason.TURNED: Advice(422, "The face is turned away: look straight ahead.", "人脸偏转，请正对镜头。"),
    RefusalReason.DARK: Advice(422, "The face is too dark: find more light.", "人脸太暗，请到光线更好的地方。"),
    RefusalReason.BRIGHT: Advice(422, "The face is too bright: avoid direct light.", "人脸过亮，请避开直射光。"),
    RefusalReason.BLURRED: Advice(422, "The face is blurred: hold still and focus.", "人脸模糊，请保持不动并对焦。"),
}


class EnrolmentRefusedError(Exception):
    """No template was made. ``reason`` says why; nothing of the picture or the person is in it."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(ADVICE[reason].en)
        self.reason = reason
