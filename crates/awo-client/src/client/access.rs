//! How browsers are let in.

use http::header::SET_COOKIE;

use super::Client;
use crate::call::{Asked, Call};
use crate::operation::Operation;
use crate::types::LoginLink;

impl Client {
    /// Creates a link that lets a browser in, once.
    pub fn create_login_link(&self) -> Call<LoginLink> {
        Call::json(self, Asked::new(Operation::CreateLoginLink, &[]))
    }

    /// Follows such a link, as a browser would, by what its address has after `link=`; the cookie that it sets.
    pub fn follow_login_link(&self, link: &str) -> Call<Option<String>> {
        let asked = Asked::new(Operation::FollowLoginLink, &[]).query("link", Some(link));
        Call::new(self, asked, |answer| Ok(answer.header(&SET_COOKIE).map(str::to_owned)))
    }

    /// Ends the session of whoever shows one.
    pub fn delete_session(&self) -> Call<()> {
        Call::new(self, Asked::new(Operation::DeleteSession, &[]), |_| Ok(()))
    }
}
