//! Owns what an answer of GitHub means for the call: done, wait, try again, or refused. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// Wait where GitHub speaks of a limit and does not say how long; its documentation asks for a minute.
const UNSAID: Duration = Duration::from_mins(1);

/// What of an answer tells about limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// The HTTP status.
    pub(super) status: u16,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
    /// `X-RateLimit-Remaining`.
    pub(super) remaining: Option<u64>,
    /// `X-RateLimit-Reset`, in seconds since 1970.
    pub(super) reset: Option<i64>,
    /// `Date`: the time of the server, which its reset is told in.
    pub(super) date: Option<Timestamp>,
    /// What it says in words.
    pub(super) message: String,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It did what was asked.
    Done,
    /// It did nothing, because of a limit that ends after a time; and when that is, where it is known.
    Limited(Duration, Option<Timestamp>),
    /// The server has trouble: whether it did what was asked is not known.
    Trouble,
    /// It did nothing and will not.
    Refused,
}

pub(super) fn judge(signs: &Signs) -> Verdict {
    match signs.status {
        200..=299 => Verdict::Done,
        403 | 429 if is_limit(signs) => {
            let until_reset = || match (signs.remaining, signs.reset, signs.date) {
                // A second more: its clock shows whole ones.
                (Some(0), Some(reset), Some(date)) => {
                    Some(Duration::from_secs(u64::try_from(reset - date.as_second()).unwrap_or(0) + 1))
                }
                _ => None,
            };
            let wait = signs.retry_after.map(Duration::from_secs).or_else(until_reset).unwrap_or(UNSAID);
            let reset = signs.reset.filter(|_| signs.remaining == Some(0));
            let reset = reset.and_then(|reset| Timestamp::from_second(reset).ok());
            Verdict::Limited(wait, reset.or_else(|| signs.date.and_then(|date| date.checked_add(wait).ok())))
        }
        408 | 500..=599 => Verdict::Trouble,
        _ => Verdict::Refused,
    }
}

/// A 403 may also be a lack of rights.
fn is_limit(signs: &Signs) -> bool {
    signs.status == 429
        || signs.retry_after.is_some()
        || signs.remaining == Some(0)
        || signs.message.to_ascii_lowercase().contains("rate limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(status: u16) -> Signs {
        Signs { status, date: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..Signs::default() }
    }

    #[test]
    fn limits_are_told_from_lacking_rights() {
        let now = signs(403).date.unwrap();
        let reset = Signs { remaining: Some(0), reset: Some(now.as_second() + 600), ..signs(403) };
        let at = "2026-01-01T00:10:00Z".parse().unwrap();
        assert_eq!(judge(&reset), Verdict::Limited(Duration::from_secs(601), Some(at)));
        let past = Signs { reset: Some(now.as_second() - 5), ..reset.clone() };
        assert!(matches!(judge(&past), Verdict::Limited(wait, _) if wait == Duration::from_secs(1)));
        let no_date = Signs { date: None, ..reset };
        assert_eq!(judge(&no_date), Verdict::Limited(UNSAID, Some(at)), "our own clock is not asked");

        let secondary = Signs { retry_after: Some(7), remaining: Some(4000), ..signs(403) };
        let at = "2026-01-01T00:00:07Z".parse().unwrap();
        assert_eq!(judge(&secondary), Verdict::Limited(Duration::from_secs(7), Some(at)));
        let words = Signs { message: "You have exceeded a secondary rate limit.".into(), ..signs(403) };
        assert!(matches!(judge(&words), Verdict::Limited(UNSAID, _)));
        assert!(matches!(judge(&signs(429)), Verdict::Limited(UNSAID, _)));

        let rights = Signs { remaining: Some(4999), message: "Resource not accessible".into(), ..signs(403) };
        assert_eq!(judge(&rights), Verdict::Refused);
    }

    #[test]
    fn the_other_answers() {
        for (status, verdict) in [
            (200, Verdict::Done),
            (201, Verdict::Done),
            (301, Verdict::Refused),
            (401, Verdict::Refused),
            (404, Verdict::Refused),
            (408, Verdict::Trouble),
            (422, Verdict::Refused),
            (500, Verdict::Trouble),
            (503, Verdict::Trouble),
        ] {
            assert_eq!(judge(&signs(status)), verdict, "{status}");
        }
    }
}
