//! Who asks, and who may answer.

use std::fmt;

use keyward_base::{Error, Result, Role, Subject};

/// What a role is written behind, in policies.
const ROLE: &str = "role:";

/// What sort of somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequesterKind {
    /// A program that decides by itself what it asks for, such as an AI agent.
    Agent,
    /// A program with an API key, which does as it was written.
    ApiKey,
    /// A person who is signed in.
    Person,
}

impl RequesterKind {
    const ALL: [Self; 3] = [Self::Person, Self::ApiKey, Self::Agent];

    /// A stable word, lower case with `-` between its parts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::ApiKey => "api-key",
            Self::Person => "person",
        }
    }

    /// The one of that word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Person => 1,
            Self::ApiKey => 2,
            Self::Agent => 3,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_byte() == byte)
    }
}

impl fmt::Display for RequesterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who asks: of which sort, whose program it is, and on whose behalf it acts. The application says
/// so from what it verified, and never from what the asker says of himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    kind: RequesterKind,
    subject: Subject,
    owner: Option<Subject>,
    on_behalf_of: Option<Subject>,
}

impl Requester {
    const fn new(kind: RequesterKind, subject: Subject, owner: Option<Subject>) -> Self {
        Self {
            kind,
            subject,
            owner,
            on_behalf_of: None,
        }
    }

    /// A person who is signed in.
    #[must_use]
    pub const fn person(subject: Subject) -> Self {
        Self::new(RequesterKind::Person, subject, None)
    }

    /// A program with an API key of `owner`.
    #[must_use]
    pub const fn api_key(subject: Subject, owner: Subject) -> Self {
        Self::new(RequesterKind::ApiKey, subject, Some(owner))
    }

    /// A program that decides by itself what it asks for, and is nobody's.
    #[must_use]
    pub const fn agent(subject: Subject) -> Self {
        Self::new(RequesterKind::Agent, subject, None)
    }

    /// The same, of `owner`, such as whose API key it asks with.
    #[must_use]
    pub const fn agent_of(owner: Subject, subject: Subject) -> Self {
        Self::new(RequesterKind::Agent, subject, Some(owner))
    }

    /// As it was written; none for an owner where there is none, or none where there is one.
    pub(crate) fn restored(
        kind: RequesterKind,
        subject: Subject,
        owner: Option<Subject>,
        on_behalf_of: Option<Subject>,
    ) -> Option<Self> {
        let fits = match kind {
            RequesterKind::Person => owner.is_none(),
            RequesterKind::ApiKey => owner.is_some(),
            RequesterKind::Agent => true,
        };
        fits.then_some(Self {
            kind,
            subject,
            owner,
            on_behalf_of,
        })
    }

    /// The same, acting for `subject`.
    #[must_use]
    pub fn on_behalf_of(mut self, subject: Subject) -> Self {
        self.on_behalf_of = Some(subject);
        self
    }

    /// Of which sort.
    #[must_use]
    pub const fn kind(&self) -> RequesterKind {
        self.kind
    }

    /// Who asks.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whose program or API key it is.
    #[must_use]
    pub const fn owner(&self) -> Option<&Subject> {
        self.owner.as_ref()
    }

    /// For whom it acts; none if for itself.
    #[must_use]
    pub const fn for_whom(&self) -> Option<&Subject> {
        self.on_behalf_of.as_ref()
    }

    /// Whether `subject` is one of those who ask: the requester, whoever it acts for, or whoever
    /// its program or API key is of. An approval of theirs would be one of their own ask.
    #[must_use]
    pub fn is_self(&self, subject: &Subject) -> bool {
        let others = self.owner.iter().chain(&self.on_behalf_of);
        std::iter::once(&self.subject)
            .chain(others)
            .any(|own| own == subject)
    }
}

/// Who is meant, where a policy says who may do something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // One person is meant, or all of a role.
pub enum Whom {
    /// Everybody of the action's tenant who has this role, which is not empty.
    Role(Role),
    /// This one, of the action's tenant.
    Subject(Subject),
}

impl Whom {
    /// Reads `role:` and a role, or a subject.
    ///
    /// # Errors
    /// `Misuse` for an empty role, and what neither [`Role::new`] nor [`Subject::new`] takes.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(role) = text.strip_prefix(ROLE) else {
            return Subject::new(text).map(Self::Subject);
        };
        match Role::new(role)? {
            role if role.is_none() => Err(Error::misuse("a role stands behind role:")),
            role => Ok(Self::Role(role)),
        }
    }

    /// Whether a person with these roles is meant.
    #[must_use]
    pub fn means(&self, subject: &Subject, roles: &[Role]) -> bool {
        match self {
            Self::Role(role) => roles.contains(role),
            Self::Subject(meant) => meant == subject,
        }
    }
}

/// As [`Whom::parse`] reads it, but for a subject that begins with `role:`.
impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "{ROLE}{role}"),
            Self::Subject(subject) => write!(f, "{subject}"),
        }
    }
}
