//! What a demonstration came to, for people: the table, how it went, and the comparison.

use petition_gateway::demo::{
    audit::{About, Disagreement},
    report::{ChannelReport, Report},
};

use super::view::heading;
use crate::cli::{
    failure::Failure,
    output::Output,
    words::{self, said},
};

/// A figure of a channel.
type Figure = fn(&ChannelReport) -> u64;

const FIGURES: &[(&str, &str, Figure)] = &[
    ("Kênh chuyển đến", "Came in", |it| it.came_in),
    ("Đã ghi nhận", "Recorded", |it| it.recorded),
    ("Sửa đổi nội dung", "Amended", |it| it.amended),
    ("Đã rút", "Withdrawn", |it| it.withdrawn),
    ("Yêu cầu bổ sung", "Information asked for", |it| it.asked),
    ("Đã trả lời", "Answered", |it| it.answered),
    ("Trả lời lại, đính chính", "Answered again, corrected", |it| it.answered_again),
    ("Chuyển cơ quan khác", "Forwarded", |it| it.forwarded),
    ("Từ chối", "Declined", |it| it.declined),
    ("Được đánh giá", "Rated", |it| it.rated),
    ("Mở lại", "Reopened", |it| it.reopened),
    ("Sai quy cách, bị cách ly", "Broken, quarantined", |it| it.quarantined),
    ("Không gửi được", "Dead letters", |it| it.dead_letters.values().sum()),
];

/// Tells all of it.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn tell(report: &Report, output: Output) -> Result<(), Failure> {
    table(report, output)?;
    reasons(report, output)?;
    let (ministry, events, seconds) = (&report.ministry, report.events, report.seconds);
    let (decisions, retries, repeated, resumed) =
        (ministry.calls, ministry.retries, ministry.repeated, ministry.resumed);
    let (pushes, lost, seed) = (report.pushes, report.pushes_lost, report.seed);
    output.line("")?;
    output.say(&said!(
        "{seconds} giây, {events} sự kiện; Bộ: {decisions} quyết định ({retries} lần gọi lại, {repeated} lần gọi đôi), \
         {resumed} lần nối lại luồng theo dõi; kênh đẩy {pushes} lần ({lost} lần mất trả lời); seed {seed}.",
        "{seconds} seconds, {events} events; ministry: {decisions} decisions ({retries} calls repeated, {repeated} made \
         twice), watch resumed {resumed} times; far sides pushed {pushes} times ({lost} answers lost); seed {seed}."
    ))?;
    verdict(report, output)
}

fn table(report: &Report, output: Output) -> Result<(), Failure> {
    let mut headings = vec![String::new()];
    headings.extend(report.channels.iter().map(|it| it.channel.clone()));
    headings.push(heading(output.lang, "cộng", "all"));
    let sum = ChannelReport::sum(&report.channels);
    let row = |(vi, en, figure): &(&str, &str, Figure)| {
        let figures = report.channels.iter().chain([&sum]).map(|it| figure(it).to_string());
        std::iter::once(heading(output.lang, vi, en)).chain(figures).collect()
    };
    output.table(headings, FIGURES.iter().map(row).collect())
}

/// Why things stand in quarantine, and why deliveries were given up.
fn reasons(report: &Report, output: Output) -> Result<(), Failure> {
    for channel in &report.channels {
        let name = &channel.channel;
        if !channel.quarantine_reasons.is_empty() {
            let counted = channel.quarantine_reasons.iter().map(|(reasons, count)| {
                let said: Vec<String> = reasons.split('+').map(|it| words::value(it, output.lang)).collect();
                format!("{} {count}", said.join(" + "))
            });
            let list = counted.collect::<Vec<_>>().join(", ");
            output.say(&said!("Cách ly, {name} (mục): {list}", "In quarantine, {name} (items): {list}"))?;
        }
        for (reason, count) in &channel.dead_letters {
            output.say(&said!(
                "Không gửi được, {name}: {count} × {reason}",
                "Dead letters, {name}: {count} × {reason}"
            ))?;
        }
    }
    Ok(())
}

fn verdict(report: &Report, output: Output) -> Result<(), Failure> {
    if report.agree {
        let petitions = ChannelReport::sum(&report.channels).came_in;
        return output.say(&said!(
            "Đối chiếu {petitions} phản ánh, kiến nghị giữa hai hệ thống đối tác, kho của cổng và sổ của Bộ: tất cả khớp.",
            "Both far sides, the store and the ministry's books compared over {petitions} petitions: all agree."
        ));
    }
    let count = report.disagreement_count;
    output.say(&said!("Đối chiếu: {count} chỗ không khớp:", "Compared: {count} disagreement(s):"))?;
    report.disagreements.iter().try_for_each(|it| output.line(&line(it, output)))
}

fn line(it: &Disagreement, output: Output) -> String {
    let about = about(it.about, output);
    let whose: Vec<&str> = [it.channel.as_str(), &it.petition].into_iter().filter(|part| !part.is_empty()).collect();
    let (expected, found) = (&it.expected, &it.found);
    format!("  {} [{}]: {expected} ≠ {found}", whose.join("/"), about)
}

/// What two sides disagree about, in words.
fn about(about: About, output: Output) -> String {
    let (vi, en) = match about {
        About::NotHandedOut => ("kênh chưa chuyển", "not handed out"),
        About::NotRecorded => ("chưa được ghi nhận", "not recorded"),
        About::RecordedTwice => ("ghi nhận nhiều lần", "recorded twice"),
        About::Invented => ("không có ở kênh", "unknown to the far side"),
        About::BrokenRecorded => ("sai quy cách mà vẫn ghi nhận", "broken and recorded"),
        About::BrokenNotQuarantined => ("sai quy cách mà không cách ly", "broken and not in quarantine"),
        About::SoundQuarantined => ("đúng quy cách mà bị cách ly", "sound and in quarantine"),
        About::Id => ("mã hồ sơ", "id"),
        About::Revision => ("phiên bản của kênh", "revision"),
        About::Withdrawal => ("việc rút", "withdrawal"),
        About::Messages => ("các trạng thái kênh đã nhận", "messages that the far side took"),
        About::Answers => ("số lần trả lời", "number of answers"),
        About::AnswerText => ("nội dung trả lời", "text of the answer"),
        About::Class => ("kết quả giải quyết", "resolution class"),
        About::Forwarding => ("cơ quan nhận", "forwarded to"),
        About::Rating => ("đánh giá", "rating"),
        About::Status => ("trạng thái", "status"),
        About::Version => ("số phiên bản", "version"),
        About::Decision => ("quyết định đã báo nhận", "acknowledged decisions"),
        About::Unseen => ("Bộ không thấy", "unseen by the ministry"),
        About::Unfinished => ("Bộ chưa xong", "not done by the ministry"),
        About::Call => ("lời gọi của Bộ", "a call of the ministry"),
        About::Undelivered => ("lượt gửi còn chờ", "a delivery waits"),
        About::DeadLetter => ("lượt gửi hỏng", "a dead letter"),
        About::File => ("tệp chưa về", "a file is missing"),
        About::Looks => ("danh sách và hồ sơ khác nhau", "list and dossier differ"),
        About::Sequence => ("số thứ tự sự kiện", "event numbers"),
        About::Watch => ("luồng theo dõi", "what the watch brought"),
        About::Complaint => ("kênh phàn nàn", "the far side complains"),
    };
    heading(output.lang, vi, en)
}
