"""What `enroll` says when it cannot go on, to whoever stands before the cabinet: Vietnamese, then English."""

from __future__ import annotations

from schoolpulse_agent.errors import AgentError

_TEXTS = """\
code
vi: Mã không đúng: {why}. Kiểm tra lại từng ký tự rồi gõ lại.
en: This is no code: {why}. Compare it character by character and type it again.

server
vi: Địa chỉ máy chủ không dùng được: {why}.
en: The server's address cannot be used: {why}.

unreachable
vi: Không kết nối được tới {where} ({why}). Kiểm tra dây mạng, Internet và địa chỉ máy chủ.
en: {where} cannot be reached ({why}). Check the cable, the line and the server's address.

certificate
vi: Không xác thực được chứng chỉ của {where} ({why}). Kiểm tra ngày giờ của thiết bị; nếu đơn vị
    dùng chứng chỉ riêng thì thêm --ca TỆP, hoặc xin mã có phần ghim.
en: The certificate of {where} cannot be verified ({why}). Check this machine's date and time; where
    the authority is a private one, give --ca FILE or ask for a code with a pin.

pin
vi: Chứng chỉ của {where} không phải chứng chỉ ghi trong mã. Có thể sai địa chỉ, hoặc có người chen
    vào giữa: chưa gửi gì cả. Báo cho đơn vị vận hành.
en: {where} does not show the certificate that the code was made for. The address may be wrong, or
    somebody stands in between: nothing was sent. Tell whoever gave you the code.

refused
vi: Máy chủ từ chối mã: mã sai, đã dùng hoặc quá hạn. Xin mã mới.
en: The server refuses the code: it is wrong, was used before, or is too old. Ask for a new one.

often
vi: Thử sai quá nhiều lần. Đợi {why} giây rồi thử lại.
en: Too many wrong tries. Wait {why} seconds and try again.

answer
vi: {where} trả lời không đúng ({why}). Có đúng là máy chủ SchoolPulse không?
en: {where} gives no sensible answer ({why}). Is it a SchoolPulse server?

other
vi: Thiết bị này đã là agent {why}. Muốn đổi thì dừng agent rồi thêm --force (dùng lại đúng mã này
    trong 15 phút).
en: This machine is agent {why} already. To make it another one, stop the agent and add --force (the
    same code goes on counting for 15 minutes).

running
vi: Agent đang chạy. Dừng agent trước rồi thử lại.
en: The agent is running. Stop it first, then try again.

write
vi: Không ghi được cấu hình ({why}). Chạy lệnh bằng root (sudo), kiểm tra bộ nhớ còn trống.
en: The configuration cannot be written ({why}). Run this as root (sudo); look for free space.

edit
vi: Không tự sửa được {where} ({why}). Sửa tay phần [agent] và [broker] rồi thử lại.
en: {where} cannot be edited ({why}). Put its [agent] and [broker] right by hand, then try again.

broker
vi: Đã ghi danh, nhưng chưa kết nối được tới {where} ({why}). Cho phép cổng ra này trên tường lửa.
    Cứ khởi động agent: nó tự thử lại.
en: Enrolled, but {where} cannot be reached yet ({why}). Let this port out through the firewall.
    Start the agent all the same: it goes on trying.

broker_refuses
vi: Đã ghi danh, nhưng {where} chưa nhận agent này ({why}). Đợi vài phút; nếu vẫn vậy, báo đơn vị
    vận hành.
en: Enrolled, but {where} does not let this agent in yet ({why}). Wait some minutes; if it stays so,
    tell whoever runs the monitoring.
"""


def _read(texts: str) -> dict[str, tuple[str, str]]:
    """Key -> (Vietnamese, English). A block a key; lines that go on are indented."""
    words = {}
    for block in texts.split("\n\n"):
        key, _, rest = block.partition("\n")
        vietnamese, _, english = rest.removeprefix("vi: ").partition("\nen: ")
        words[key] = (" ".join(vietnamese.split()), " ".join(english.split()))
    return words


WORDS = _read(_TEXTS)


class EnrollTrouble(AgentError):
    """Enrolment cannot go on.

    Args:
        key: what it is, of `WORDS`.
        where: the address or file.
        why: details, without secrets.
    """

    def __init__(self, key: str, *, where: str = "", why: str = "") -> None:
        vietnamese, english = (text.format(where=where, why=why) for text in WORDS[key])
        super().__init__(f"{vietnamese}\n  {english}")
        self.key = key
