//! What each finding of an audit means, and what an operator does then.

use petition_gateway::audit::{Section, What};

use crate::cli::words::{Said, said};

/// The name of a section for people.
pub(super) fn section(section: Section) -> Said {
    match section {
        Section::Events => said!("sự kiện", "events"),
        Section::Petitions => said!("hồ sơ", "petitions"),
        Section::Journal => said!("nhật ký thông điệp", "journal"),
        Section::Deliveries => said!("lượt gửi", "deliveries"),
        Section::Channels => said!("kênh", "channels"),
        Section::Requests => said!("mã yêu cầu", "requests"),
        Section::Files => said!("nội dung tệp", "files"),
    }
}

/// What it means, and what to do.
pub(super) fn of(what: What) -> (Said, Said) {
    (meaning(what), action(what))
}

fn meaning(what: What) -> Said {
    match what {
        What::EventMissing
        | What::EventUnreadable
        | What::EventWithoutPetition
        | What::EventCounter
        | What::HistoryMissing
        | What::HistoryGap
        | What::HistoryDisordered
        | What::HistoryUnreadable => of_event(what),
        What::PetitionUnreadable | What::PetitionDiffers | What::ListingDiffers | What::WordsMissing => {
            of_petition(what)
        }
        What::MessageMissing
        | What::MessageUnreadable
        | What::MessageAltered
        | What::MessageForgotten
        | What::MessageWaiting
        | What::ItemMissing
        | What::ItemUnreadable
        | What::ItemWithoutPetition
        | What::ItemWithoutReason => of_message(what),
        What::DeliveryMissing
        | What::DeliveryUnreadable
        | What::DeliveryWithoutPetition
        | What::DeliveryState
        | What::DeliveryAttempts
        | What::LaneHead
        | What::LaneOvertaken => of_delivery(what),
        What::TallyDiffers | What::ChannelUnreadable | What::RequestLost | What::SectionUnreadable => of_other(what),
        What::FileMissing | What::FileSize | What::FileDamaged | What::FileUnreadable | What::FileUnnamed => {
            of_file(what)
        }
    }
}

fn of_event(what: What) -> Said {
    match what {
        What::EventMissing => {
            said!("thiếu sự kiện: số thứ tự không liên tục", "events are gone: their numbers leave something out")
        }
        What::EventUnreadable => said!("một sự kiện không đọc được", "an event cannot be read"),
        What::EventWithoutPetition => {
            said!("sự kiện của một hồ sơ không còn trong kho", "an event of a petition that is not in the store")
        }
        What::EventCounter => said!(
            "bộ đếm và sự kiện cuối cùng khác nhau",
            "the counter and the last event differ: the last ones are gone, or are not counted"
        ),
        What::HistoryMissing => said!("hồ sơ không có sự kiện nào", "a petition has no events"),
        What::HistoryGap => said!(
            "một phiên bản của hồ sơ không có sự kiện, hoặc có hai",
            "a version of a petition has no event, or has two"
        ),
        What::HistoryDisordered => said!(
            "phiên bản sau của hồ sơ mang số sự kiện trước",
            "a later version of a petition has an earlier number: watchers saw them in the wrong order"
        ),
        _ => said!("nội dung một sự kiện của hồ sơ không đọc được", "what an event of a petition says cannot be read"),
    }
}

fn of_petition(what: What) -> Said {
    match what {
        What::PetitionUnreadable => said!("hồ sơ không đọc được", "a petition, or its document, cannot be read"),
        What::PetitionDiffers => said!(
            "hồ sơ hiện tại không phải là kết quả của các sự kiện của nó: đã bị sửa ngoài cổng, hoặc có lỗi của cổng",
            "a petition is not what its events make: it was changed beside the gateway, or the gateway has a defect"
        ),
        What::ListingDiffers => said!(
            "cột dùng để liệt kê, tìm kiếm khác với hồ sơ",
            "what lists find a petition by is not what its document says"
        ),
        _ => said!(
            "chỉ mục tìm kiếm toàn văn không có đúng mọi hồ sơ",
            "full-text search does not have exactly all petitions"
        ),
    }
}

fn of_message(what: What) -> Said {
    match what {
        What::MessageMissing => said!("thiếu thông điệp trong nhật ký", "messages are gone from the journal"),
        What::MessageUnreadable => said!("dòng nhật ký không đọc được", "a row of the journal cannot be read"),
        What::MessageAltered => said!(
            "nội dung thông điệp không còn như lúc đến (SHA-256 khác)",
            "the bytes of a message are not those that arrived (their SHA-256 differs)"
        ),
        What::MessageForgotten => said!(
            "thông điệp đến đã lâu, cổng đang chạy mà không xử lý xong",
            "a message arrived long ago, gateways run, and none has dealt with it"
        ),
        What::MessageWaiting => said!(
            "thông điệp chưa xử lý xong vì không có cổng nào chạy",
            "a message is not dealt with, as no gateway runs"
        ),
        What::ItemMissing => said!(
            "thông điệp đã xử lý xong nhưng một mục của nó không rõ kết quả",
            "a message is dealt with, and what became of one of its items is not known"
        ),
        What::ItemUnreadable => said!("kết quả của một mục không đọc được", "what became of an item cannot be read"),
        What::ItemWithoutPetition => said!(
            "một mục đã tiếp nhận vào hồ sơ không còn trong kho",
            "an item was taken into a petition that is not in the store"
        ),
        _ => said!(
            "một mục bị cách ly hoặc loại bỏ mà không có lý do",
            "an item is in quarantine, or put aside, without a reason"
        ),
    }
}

fn of_delivery(what: What) -> Said {
    match what {
        What::DeliveryMissing => said!("thiếu lượt gửi", "deliveries are gone"),
        What::DeliveryUnreadable => {
            said!("lượt gửi không đọc được", "a delivery, or what it is to do, cannot be read")
        }
        What::DeliveryWithoutPetition => {
            said!("lượt gửi của một hồ sơ không còn trong kho", "a delivery of a petition that is not in the store")
        }
        What::DeliveryState => {
            said!("lượt gửi ở trạng thái không thể có", "a delivery stands in a state in which none can be")
        }
        What::DeliveryAttempts => said!(
            "các lần gửi không khớp với kết quả của lượt gửi",
            "the attempts of a delivery do not say how it came to be what it is"
        ),
        What::LaneHead => said!(
            "hàng đợi của hồ sơ không có đúng một lượt gửi đứng đầu: có thể bị kẹt, hoặc gửi sai thứ tự",
            "not exactly the first of a lane may be sent: it stands still, or goes out of order"
        ),
        _ => said!(
            "một lượt gửi sau đã được chuyển trước lượt đang chờ",
            "a later delivery of a lane was delivered before one that waits"
        ),
    }
}

fn of_other(what: What) -> Said {
    match what {
        What::TallyDiffers => {
            said!("số đếm của kênh khác với số dòng thật", "a count of a channel is not what there is")
        }
        What::ChannelUnreadable => {
            said!("kênh, con trỏ hoặc danh mục không đọc được", "a channel, a cursor or a code list cannot be read")
        }
        What::RequestLost => said!(
            "người gọi đã được trả lời bằng một sự kiện không còn trong kho",
            "a caller was answered with an event that is not in the store"
        ),
        _ => said!(
            "cơ sở dữ liệu không đọc tiếp được phần này: tệp hoặc đĩa bị hỏng",
            "the engine cannot read on in this section: its file or its disk is damaged"
        ),
    }
}

fn of_file(what: What) -> Said {
    match what {
        What::FileMissing => said!("thiếu nội dung tệp đính kèm", "the content of an attachment is not there"),
        What::FileSize => said!("nội dung tệp có kích thước khác", "the content of an attachment has another size"),
        What::FileDamaged => said!("nội dung tệp bị hỏng (SHA-256 khác)", "a content is not what its name says"),
        What::FileUnreadable => said!("nội dung tệp không đọc được", "a content cannot be read"),
        _ => said!(
            "nội dung tệp chưa hồ sơ nào dùng: tải lên rồi bỏ, hoặc đang tải lên",
            "a content that no petition names: uploaded and not used, or being uploaded now"
        ),
    }
}

fn action(what: What) -> Said {
    match what {
        What::MessageWaiting => said!("khởi động cổng; cổng tự xử lý tiếp", "start a gateway: it goes on by itself"),
        What::FileUnnamed => said!("không cần làm gì", "nothing"),
        What::MessageForgotten => said!(
            "xem nhật ký (log) của cổng về thông điệp này; khởi động lại cổng nếu không thấy gì",
            "look for this message in the gateways' log; restart them if nothing is said there"
        ),
        What::FileMissing | What::FileSize | What::FileDamaged | What::FileUnreadable => said!(
            "chép lại nội dung từ bản sao lưu (`blobs copy`); không có thì xin lại bên gửi",
            "bring the content back from a backup (`blobs copy`); where there is none, ask the sender again"
        ),
        What::TallyDiffers | What::WordsMissing | What::ListingDiffers => said!(
            "dữ liệu gốc còn nguyên; báo nhà phát triển kèm kết quả này",
            "what was received is whole, only what is derived from it is not; report it with this result"
        ),
        What::SectionUnreadable
        | What::MessageAltered
        | What::PetitionUnreadable
        | What::EventUnreadable
        | What::HistoryUnreadable
        | What::MessageUnreadable
        | What::ItemUnreadable
        | What::DeliveryUnreadable
        | What::ChannelUnreadable => said!(
            "kiểm tra đĩa và máy; phục hồi từ bản sao lưu vào kho khác rồi so sánh bằng `store compare`; báo nhà phát triển",
            "check the disk and the machine; restore a backup into another store and compare by `store compare`; report it"
        ),
        _ => said!(
            "không sửa tay; sao lưu kho như hiện có, phục hồi bản sao lưu cũ vào kho khác rồi so sánh; báo nhà phát triển",
            "do not mend it by hand; back the store up as it is, restore an older backup into another store and compare; report it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::words::Lang;

    #[test]
    fn every_finding_has_a_meaning_of_its_own_in_both_languages() {
        for lang in [Lang::Vi, Lang::En] {
            let told: BTreeSet<String> = What::ALL.iter().map(|what| meaning(*what).in_lang(lang).to_owned()).collect();
            assert_eq!(told.len(), What::ALL.len());
        }
    }
}
