"""A clean client: it knows the gateway's address and a certificate, and learns everything else by server reflection.

It takes one petition from its submission to its closing, reads it back in every way there is, and follows all of it on
the stream of events. Prints what it did; exits 1 at the first thing that is not as the contract says.
"""

import pathlib
import sys
import time
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "petition.gateway.v1"


def connect(address, certificates):
    read = lambda name: (pathlib.Path(certificates) / name).read_bytes()
    credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("ministry.key"), read("ministry.pem"))
    channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "localhost")])
    grpc.channel_ready_future(channel).result(timeout=30)
    return channel


class Service:
    """A service as reflection describes it: its methods become Python methods that take and give plain messages."""

    def __init__(self, channel, name):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.pool = pool
        for method in pool.FindServiceByName(f"{PACKAGE}.{name}").methods:
            request = message_factory.GetMessageClass(method.input_type)
            response = message_factory.GetMessageClass(method.output_type)
            shape = {(False, False): channel.unary_unary, (False, True): channel.unary_stream}.get(
                (method.client_streaming, method.server_streaming)
            )
            if shape is None:
                continue
            call = shape(
                f"/{PACKAGE}.{name}/{method.name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            setattr(self, method.name, self._bound(call, request))

    @staticmethod
    def _bound(call, request):
        return lambda timeout=20, **fields: call(request(**fields), timeout=timeout)


def check(condition, what):
    if not condition:
        sys.exit(f"not as promised: {what}")
    print(f"  {what}")


def refused(code, call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code() == code
    return False


def new_id():
    return str(uuid.uuid4())


def main(address, certificates):
    channel = connect(address, certificates)
    petitions = Service(channel, "PetitionService")
    kind = petitions.pool.FindEnumTypeByName(f"{PACKAGE}.PetitionKind").values_by_name
    status = petitions.pool.FindEnumTypeByName(f"{PACKAGE}.PetitionStatus").values_by_name
    named = lambda petition: petition.status

    draft = {
        "kind": kind["PETITION_KIND_POLICY_QUESTION"].number,
        "subject": "Hỏi về điều kiện hưởng trợ cấp thất nghiệp",
        "body": "Tôi đóng bảo hiểm thất nghiệp được 14 tháng thì nghỉ việc.\nXin hỏi tôi có được hưởng trợ cấp không?",
        "field": {"code": "BHTN", "display_name": "Bảo hiểm thất nghiệp"},
        "petitioner": {"kind": 1, "full_name": "Trần Thị Ví Dụ", "province_code": "01"},
    }
    request_id = new_id()
    first = petitions.SubmitPetition(request_id=request_id, petition=draft)
    again = petitions.SubmitPetition(request_id=request_id, petition=draft)
    name = first.petition.name
    check(first.petition.body == draft["body"], "a submitted petition comes back byte for byte")
    check(again.duplicate and again.petition.name == name, "the same call again is an answer, not a second petition")

    basis = {"citation": "Quyết định 574/QĐ-TTg"}
    check(
        refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: petitions.AnswerPetition(name=name, request_id=new_id(), text="x")),
        "a petition that nobody accepted cannot be answered",
    )
    petitions.AcceptPetition(name=name, request_id=new_id(), note="Thuộc thẩm quyền")
    petitions.AssignPetition(name=name, request_id=new_id(), unit={"display_name": "Cục Việc làm"})
    petitions.StartProcessing(name=name, request_id=new_id())
    due = {"due_date": {"year": 2035, "month": 1, "day": 31}, "reason": "Vụ việc phức tạp", "legal_basis": basis}
    petitions.ExtendDeadline(name=name, request_id=new_id(), **due)
    petitions.RequestInformation(name=name, request_id=new_id(), question="Đề nghị gửi quá trình đóng bảo hiểm")
    petitions.ProvideInformation(name=name, request_id=new_id(), text="Tôi đóng từ tháng 1 năm 2018")
    answer = {"text": "Bà đủ điều kiện nếu …", "publishable": True, "document": {"number": "12/LĐTBXH-VL"}}
    petitions.AnswerPetition(name=name, request_id=new_id(), **answer)
    petitions.PublishAnswer(name=name, request_id=new_id())
    closed = petitions.ClosePetition(name=name, request_id=new_id())
    check(named(closed.petition) == status["PETITION_STATUS_CLOSED"].number, "a petition travels from submission to closing")

    got = petitions.GetPetition(name=name).petition
    check(got.answer.text == answer["text"], "the answer in force is read back")
    listed = petitions.ListPetitions(filter="status = closed AND field = BHTN").petitions
    check([it.name for it in listed] == [name], "the petition is listed by status and field")
    found = petitions.SearchPetitions(query="tro cap that nghiep").petitions
    check([it.name for it in found] == [name], "the petition is found without diacritics")
    parts = [part.WhichOneof("part") for part in petitions.GetDossier(name=name)]
    check(parts[0] == "petition" and parts.count("event") == 10, "the dossier holds all ten events")

    events = []
    stream = petitions.WatchPetitions(after_seq=0)
    for message in stream:
        if message.WhichOneof("item") == "event":
            events.append(message.event.seq)
        if len(events) == 10:
            break
    stream.cancel()
    check(events == list(range(1, 11)), "a watcher sees every event once, in order, without a gap")
    print("a Python client completed the cycle through reflection alone")


if __name__ == "__main__":
    started = time.monotonic()
    main(sys.argv[1], sys.argv[2])
    print(f"  ({time.monotonic() - started:.1f} s)")
