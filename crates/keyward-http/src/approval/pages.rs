//! The page that a mailed link opens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use keyward_approval::danger::vote_by_one_click;
use keyward_approval::gate::{LinkState, REASON, Shown, Standing, State};
use keyward_approval::link::Presented;
use keyward_approval::reason::{
    EVIDENCE, EVIDENCE_OLD, LINK, NOT_APPROVER, NOT_OPEN, OWN_ASK, PASSKEY, RULE_MOVED, VOTED, WHO,
};
use keyward_approval::view::{Visible, Where};
use keyward_approval::{Ballot, Gates, Links, Requester, Rule};
use keyward_base::{Error, ErrorKind, Evidence as _, Reason, Result, Subject, Tenant};
use keyward_session::OwnKind;

use super::form::{self, Form, Said};
use super::mark;
use super::markup::{self, Markup, Under};
use super::who::{BySession, FRESH, Names, People, SignedIn};
use crate::bodies;
use crate::content::ContentPolicy;
use crate::failure::{Cause, Failure};
use crate::guard::WebGuard;
use crate::headers::{self, Stricter};
use crate::policy::Referrer;
use crate::same_origin;
use crate::session::WebSessions;

type Layout = dyn Fn(Markup<'_>) -> String + Send + Sync;
type FreshOf = dyn Fn(&Rule) -> Option<Duration> + Send + Sync;

/// The pages that mailed links open. A cheap clone. [`crate::approval`] says what they answer.
#[derive(Clone)]
pub struct ApprovalPages(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    gates: Gates,
    links: Links,
    guard: WebGuard,
    address: String,
    path: String,
    headers: Arc<HeaderMap>,
    people: Option<Arc<dyn People>>,
    names: Option<Arc<dyn Names>>,
    sign_in: Option<String>,
    fresh: Arc<FreshOf>,
    layout: Arc<Layout>,
    one_click: bool,
}

/// How who opened the page may answer.
enum Way {
    Signed(SignedIn),
    Code,
    Click,
    /// Not at all: why, and whether to sign in helps.
    No(&'static str, bool),
}

/// A link that is good, and what it leads to.
struct Opened<'a> {
    tenant: &'a Tenant,
    token: &'a str,
    link: Presented,
    shown: Shown,
    rule: Rule,
    /// What the service calls those who ask: which part each has in it, and his name.
    askers: Vec<(&'static str, String)>,
}

impl Opened<'_> {
    fn slot(&self) -> Option<LinkState<'_>> {
        self.shown.link(self.link.slot())
    }
}

impl ApprovalPages {
    /// Pages at `address`, such as `https://app.example.com/approvals`: that of a tenant is at
    /// `address/TENANT` ([`ApprovalPages::page`]).
    ///
    /// # Errors
    /// `Misuse` unless `address` is at one of the guard's origins, with a path of `/` and of letters,
    /// digits, `-`, `_`, `.` and `~`, that does not end in `/`; if the origins are plain HTTP and not on
    /// loopback; and if the guard's pages tell where a request came from ([`Referrer::SameOrigin`]):
    /// these have the link in their address, and tell nobody.
    pub fn new(gates: Gates, links: Links, guard: &WebGuard, address: &str) -> Result<Self> {
        if !guard.origins.is_secure() {
            return Err(Error::misuse(
                "links of approvals go over TLS only: the origins must be https, here or at a proxy \
                 in front, or on loopback",
            ));
        }
        if guard.referrer != Referrer::Never {
            return Err(Error::misuse(
                "the address of an approval has its link: the guard of its page says \
                 Referrer::Never",
            ));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b);
        let path = guard.origins.path_of(address);
        let path = path.filter(|path| !path.ends_with('/') && path.bytes().all(plain));
        let path = path.ok_or_else(|| {
            Error::misuse("the page of approvals is an address at one of the service's origins")
        })?;
        let style = guard.provider.sha256(&[markup::STYLE.as_bytes()]);
        let content = ContentPolicy::strict().with_style(&style);
        let mut headers = headers::of(&content, Referrer::Never, guard.origins.scheme());
        let robots = HeaderName::from_static("x-robots-tag");
        headers.insert(
            robots,
            HeaderValue::from_static("noindex, nofollow, noarchive"),
        );
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(http::header::CACHE_CONTROL, no_store);
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            address: address.to_owned(),
            gates,
            links,
            guard: guard.clone(),
            headers: Arc::new(headers),
            people: None,
            names: None,
            sign_in: None,
            fresh: Arc::new(|_| Some(FRESH)),
            layout: Arc::new(markup::layout),
            one_click: false,
        })))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Who has a session of kind `K` answers as himself, if he came in by a door of the gates. Without
    /// it, nobody is signed in here, and the code alone decides where a rule takes that.
    #[must_use]
    pub fn sessions<K: OwnKind>(self, web: &WebSessions) -> Self {
        let people = Arc::new(BySession::<K>::new(web.clone()));
        self.with(|inner| inner.people = Some(people))
    }

    /// What the service calls people: shown beside the action, which names subjects alone. Unless told,
    /// nobody is called anything.
    #[must_use]
    pub fn names(self, names: Arc<dyn Names>) -> Self {
        self.with(|inner| inner.names = Some(names))
    }

    /// Where somebody signs in: a path of this service. It is never given the link.
    ///
    /// # Errors
    /// `Misuse` unless it is visible ASCII that begins with one `/` and has no `\`: browsers leave tabs
    /// and line ends out, and `/`, a tab and `/evil.example` would lead there.
    pub fn sign_in(self, path: &str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
        if !path.starts_with('/') || path.starts_with("//") || !path.bytes().all(plain) {
            return Err(Error::misuse("a path of this service begins with one /"));
        }
        Ok(self.with(|inner| inner.sign_in = Some(path.to_owned())))
    }

    /// How long ago who decides under a rule has signed in at most; none: whenever, if the session
    /// lives. [`FRESH`] for every rule unless told.
    #[must_use]
    pub fn fresh(self, of: impl Fn(&Rule) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.fresh = Arc::new(of))
    }

    /// A layout of the application's own around the library's markup.
    #[must_use]
    pub fn layout(self, of: impl Fn(Markup<'_>) -> String + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.layout = Arc::new(of))
    }

    /// For [`crate::danger::scanners_may_approve`].
    pub(crate) fn one_click(self) -> Self {
        self.with(|inner| inner.one_click = true)
    }

    /// The page of a tenant: what [`Letter::mail`](keyward_approval::Letter::mail) is given.
    ///
    /// # Errors
    /// `Misuse` for the tenants `.` and `..`, which no path can name.
    pub fn page(&self, tenant: &Tenant) -> Result<String> {
        if matches!(tenant.as_str(), "." | "..") {
            return Err(Error::misuse("no path names a tenant of dots alone"));
        }
        let mut page = format!("{}/", self.0.address);
        for byte in tenant.as_str().bytes() {
            match byte {
                b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => page.push(char::from(b)),
                b => page.push_str(&format!("%{b:02X}")),
            }
        }
        Ok(page)
    }

    /// The path under which the pages lie, one for each tenant: `/approvals`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// `GET` and `HEAD`: shows what a link leads to. That it was opened is recorded, once; nothing else
    /// changes.
    pub async fn open(&self, tenant: &Tenant, request: &Parts) -> Response<Bytes> {
        self.finish(self.opened(tenant, request).await)
    }

    /// `POST`: takes what a page's form says. `body` is the whole body, of which more than
    /// [`BODY`](super::BODY) bytes need not be read.
    pub async fn decide(&self, tenant: &Tenant, request: &Parts, body: &[u8]) -> Response<Bytes> {
        self.finish(self.decided(tenant, request, body).await)
    }

    /// The answer where the path names no tenant, or the request cannot be read.
    #[must_use]
    pub fn refuse(&self, failure: Failure) -> Response<Bytes> {
        self.finish(Err(failure))
    }

    async fn opened(&self, tenant: &Tenant, request: &Parts) -> Result<Response<Bytes>, Failure> {
        self.own_page(request)?;
        let token = form::token(request).ok_or_else(|| Error::rejected(Reason::MALFORMED))?;
        let opened = self.lookup(tenant, token).await?;
        let slot = opened.link.slot();
        if opened.slot().is_some_and(|link| !link.is_fetched) {
            let gates = &self.0.gates;
            gates.fetched(tenant, opened.link.gate(), slot).await?;
        }
        let way = self.way(&opened, self.who(request).await?);
        self.shown(StatusCode::OK, &opened, &way, ("", ""))
    }

    async fn decided(
        &self,
        tenant: &Tenant,
        request: &Parts,
        body: &[u8],
    ) -> Result<Response<Bytes>, Failure> {
        self.own_page(request)?;
        let form = Form::read(request, body)?;
        let opened = self.lookup(tenant, &form.token).await?;
        let (links, gates) = (&self.0.links, &self.0.gates);
        let given = (&request.headers, form.mark.expose());
        match mark::check(
            self.0.guard.origins.scheme(),
            links,
            tenant,
            &opened.link,
            given,
            self.0.gates.clock().now()?,
        ) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Rejected => return Ok(self.not_its_page(e)),
            Err(e) => return Err(e.into()),
        }
        let way = self.way(&opened, self.who(request).await?);
        let again =
            |status, way: &Way, notice| self.shown(status, &opened, way, (notice, &form.reason));
        let unfit = StatusCode::UNPROCESSABLE_ENTITY;
        let ballot = match form.said {
            Said::Nothing => return again(unfit, &way, "Say yes or no."),
            _ if form.reason.len() > REASON => {
                return again(unfit, &way, "A reason has 2,000 bytes at most.");
            }
            Said::Deny if form.reason.trim().is_empty() => {
                return again(unfit, &way, "To deny it, say why.");
            }
            Said::Deny => Ballot::deny(&form.reason),
            Said::Approve => Ballot::approve().because(&form.reason),
        };
        // By which it was asked how fresh who decides is, and which the page names.
        let ballot = ballot.under(&opened.rule);
        let said = match way {
            Way::Signed(who) => {
                let (gate, ballot) = (opened.link.gate(), ballot.by_link(&opened.link));
                gates.vote(tenant, gate, who, ballot).await
            }
            Way::Code => match links.code_digest(tenant, &opened.link, form.code()) {
                Ok(code) => {
                    gates
                        .vote_as_holder(tenant, &opened.link, &code, ballot)
                        .await
                }
                Err(e) if e.reason() == Some(Reason::MALFORMED) => {
                    return again(unfit, &way, "The code has six digits.");
                }
                Err(e) => Err(e),
            },
            Way::Click => vote_by_one_click(gates, tenant, &opened.link, ballot).await,
            Way::No(..) => return again(StatusCode::FORBIDDEN, &way, ""),
        };
        match said {
            Ok(standing) => self.counted(&opened, standing),
            Err(e) if e.kind() == ErrorKind::Rejected => self.not_counted(&opened, e).await,
            Err(e) => Err(e.into()),
        }
    }

    /// That a request is for this service, and, if it may change something, from a page of it. The layer
    /// of the routes asks the same; this holds wherever the pages are mounted.
    fn own_page(&self, request: &Parts) -> Result<()> {
        let guard = &self.0.guard;
        let own = guard.origins.addressed(request)?;
        same_origin::check(request, &own, guard.referrer)
    }

    async fn who(&self, request: &Parts) -> Result<Option<SignedIn>, Failure> {
        let Some(people) = &self.0.people else {
            return Ok(None);
        };
        let Some(mut who) = people.who(&self.0.gates, request).await? else {
            return Ok(None);
        };
        who.name = self.called(who.tenant(), who.subject()).await?;
        Ok(Some(who))
    }

    /// What somebody is called, as it is shown.
    async fn called(&self, tenant: &Tenant, subject: &Subject) -> Result<Option<String>> {
        let Some(names) = &self.0.names else {
            return Ok(None);
        };
        let name = names.name(tenant, subject).await?;
        Ok(name.map(|name| Visible::of(&name, Where::Page).as_str().to_owned()))
    }

    /// Those who ask, by name.
    async fn askers(
        &self,
        tenant: &Tenant,
        asks: &Requester,
    ) -> Result<Vec<(&'static str, String)>> {
        let parts = [
            ("Who asks", Some(asks.subject())),
            ("Whose program it is", asks.owner()),
            ("For whom", asks.for_whom()),
        ];
        let mut askers = Vec::new();
        for (part, subject) in parts {
            let Some(subject) = subject else { continue };
            if let Some(name) = self.called(tenant, subject).await? {
                askers.push((part, name));
            }
        }
        Ok(askers)
    }

    /// What a link leads to, if it is good: all else is refused alike.
    async fn lookup<'a>(&self, tenant: &'a Tenant, token: &'a str) -> Result<Opened<'a>> {
        let now = self.0.gates.clock().now()?;
        let link = self.0.links.check(tenant, token, now).await?;
        let shown = self.0.gates.show(tenant, link.gate()).await?;
        link.is_about(shown.action())?;
        let dead = || Error::rejected(LINK);
        let state = shown.link(link.slot()).ok_or_else(dead)?;
        let policy = self.0.gates.policy();
        let rule = shown.rule_in(&policy).ok_or_else(dead)?.clone();
        if !state.is_alive {
            return Err(dead());
        }
        let askers = self.askers(tenant, shown.action().requester()).await?;
        Ok(Opened {
            tenant,
            token,
            link,
            shown,
            rule,
            askers,
        })
    }

    fn way(&self, opened: &Opened<'_>, who: Option<SignedIn>) -> Way {
        let rule = &opened.rule;
        if rule.needs_passkey() {
            return Way::No(
                "This asks for your passkey: decide it on the service's own page.",
                false,
            );
        }
        let link = opened.slot();
        let sent_to = link.and_then(|link| link.approver);
        let who = who.filter(|who| who.tenant() == opened.tenant);
        let is_his = |who: &SignedIn| sent_to.is_none_or(|approver| approver == who.subject());
        // Nobody approves himself what he asked: who holds the link and the code may, under a rule that
        // takes that, be he signed in here or not.
        let requester = opened.shown.action().requester();
        let is_own = |who: &SignedIn| rule.is_own_ask(requester, who.subject());
        let as_holder = rule.takes_link_holder() && who.as_ref().is_some_and(is_own);
        let within = (self.0.fresh)(rule);
        match who {
            Some(who) if !as_holder && is_his(&who) && who.is_fresh(within) => {
                return Way::Signed(who);
            }
            _ if rule.takes_link_holder() && self.0.one_click => return Way::Click,
            _ if rule.takes_link_holder() && link.is_some_and(|link| link.has_code) => {
                return Way::Code;
            }
            Some(_) if as_holder => {
                return Way::No("It was you who asked: somebody else decides it.", false);
            }
            Some(who) if is_his(&who) => {
                return Way::No("You signed in too long ago to decide this.", true);
            }
            Some(_) => {}
            None => return Way::No("To decide it, say who you are.", true),
        }
        Way::No(
            "You are signed in as somebody else than this link was sent to.",
            true,
        )
    }

    /// The page of a link, with a new mark.
    fn shown(
        &self,
        status: StatusCode,
        opened: &Opened<'_>,
        way: &Way,
        (notice, reason): (&str, &str),
    ) -> Result<Response<Bytes>, Failure> {
        let (guard, links) = (&self.0.guard, &self.0.links);
        let now = self.0.gates.clock().now()?;
        let mark = mark::draw(guard.provider, links, opened.tenant, &opened.link, now)?;
        let who = match way {
            Way::Signed(who) => Some(who.called()),
            _ => None,
        };
        let under = match way {
            Way::No(words, helps) => {
                Under::Words(words, self.0.sign_in.as_deref().filter(|_| *helps))
            }
            _ => Under::Form(markup::Fields {
                token: opened.token,
                mark: &mark,
                who,
                can_approve: opened.shown.state() == State::Pending,
                asks_code: matches!(way, Way::Code),
                is_click: matches!(way, Way::Click),
                reason,
            }),
        };
        let body = markup::body((&opened.shown, &opened.askers), &opened.rule, notice, under);
        let mut answer = self.page_of(status, "An approval is asked of you", &body);
        let cookie = mark::cookie(guard.origins.scheme(), &opened.link, Some(&mark))?;
        answer.headers_mut().append(SET_COOKIE, cookie);
        Ok(answer)
    }

    /// What became of an answer that counted.
    fn counted(&self, opened: &Opened<'_>, standing: Standing) -> Result<Response<Bytes>, Failure> {
        let (title, words) = match standing.state {
            State::Approved => ("Approved", "It may be done now.".to_owned()),
            State::Denied => (
                "Denied",
                "It is not done. Whoever asked reads why.".to_owned(),
            ),
            _ => (
                "Your approval was counted",
                format!(
                    "{} of {} that it takes.",
                    standing.approvals, standing.quorum
                ),
            ),
        };
        let body = format!("<p>{words}</p>");
        let mut answer = self.page_of(StatusCode::OK, title, &body);
        let scheme = self.0.guard.origins.scheme();
        let cookie = mark::cookie(scheme, &opened.link, None)?;
        answer.headers_mut().append(SET_COOKIE, cookie);
        Ok(answer)
    }

    /// What is said of an answer that did not count: why, to who holds a link that is good.
    async fn not_counted(
        &self,
        opened: &Opened<'_>,
        error: Error,
    ) -> Result<Response<Bytes>, Failure> {
        let words = match error.reason() {
            // Another code than its own, unless it died of it, or meanwhile.
            Some(LINK) => {
                let again = self.lookup(opened.tenant, opened.token).await?;
                let left = again.slot().map_or(0, |link| link.tries_left);
                let notice = format!("That is not its code. Tries left: {left}.");
                let way = self.way(&again, None);
                return self.shown(StatusCode::FORBIDDEN, &again, &way, (&notice, ""));
            }
            Some(NOT_OPEN) => return Err(error.into()),
            Some(RULE_MOVED) => "It goes by another rule by now. Open the link once more.",
            Some(VOTED) => "You have answered already.",
            Some(NOT_APPROVER) => "You are none of those who may decide this.",
            Some(OWN_ASK) => "It was you who asked: somebody else decides it.",
            Some(EVIDENCE | EVIDENCE_OLD | WHO) => "To decide it, sign in anew.",
            Some(PASSKEY) => "This asks for your passkey: decide it on the service's own page.",
            _ => return Err(error.into()),
        };
        Ok(self.with_cause(StatusCode::FORBIDDEN, "Not counted", words, error))
    }

    fn not_its_page(&self, error: Error) -> Response<Bytes> {
        let words =
            "The page was open for too long, or in another browser. Open the link once more.";
        self.with_cause(StatusCode::FORBIDDEN, "Not counted", words, error)
    }

    /// One page for every link that is not good, whatever is wrong with it.
    fn not_good(&self, error: Error) -> Response<Bytes> {
        let words = "It was used, has ended, or was damaged on its way. If something still waits for \
                     you, ask for a new one.";
        self.with_cause(StatusCode::NOT_FOUND, "This link is not good", words, error)
    }

    /// A page of constant words, and for the reporter why.
    fn with_cause(
        &self,
        status: StatusCode,
        title: &str,
        words: &str,
        error: Error,
    ) -> Response<Bytes> {
        let mut answer = self.page_of(status, title, &format!("<p>{words}</p>"));
        answer.extensions_mut().insert(Cause(Arc::new(error)));
        answer
    }

    fn page_of(&self, status: StatusCode, title: &str, body: &str) -> Response<Bytes> {
        let page = (self.0.layout)(Markup {
            title,
            body,
            style: markup::STYLE,
        });
        let mut answer = Response::new(Bytes::from(page));
        *answer.status_mut() = status;
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, html);
        bodies::keep(answer.extensions_mut());
        answer
    }

    fn finish(&self, answer: Result<Response<Bytes>, Failure>) -> Response<Bytes> {
        let mut answer = answer.unwrap_or_else(|failure| match failure.status() {
            StatusCode::NOT_FOUND => self.not_good(failure.into_error()),
            _ => failure.answer(),
        });
        headers::put(&self.0.headers, answer.headers_mut());
        answer
            .extensions_mut()
            .insert(Stricter(Arc::clone(&self.0.headers)));
        answer
    }
}

impl fmt::Debug for ApprovalPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalPages")
            .field("address", &self.0.address)
            .field("people", &self.0.people)
            .field("one_click", &self.0.one_click)
            .finish_non_exhaustive()
    }
}
