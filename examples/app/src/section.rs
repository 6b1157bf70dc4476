//! The three sorts of things that are connected, and what the pages say of each.

/// One sort of thing that is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Environments,
    Hosts,
    Servers,
}

/// The words of a section.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) path: &'static str,
    pub(crate) title: &'static str,
    /// What the first column holds.
    pub(crate) name: &'static str,
    /// What the column of hints holds; none where a value has no hint.
    pub(crate) hint: Option<&'static str>,
    /// What the column of facts holds.
    pub(crate) about: &'static str,
    pub(crate) call: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) advice: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) loss: &'static str,
    /// What is said after a value was put.
    pub(crate) what: &'static str,
}

/// The providers a Git host may have: stored word, name shown.
pub(crate) const PROVIDERS: [(&str, &str); 4] = [
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("bitbucket", "Bitbucket"),
    ("forgejo", "Forgejo"),
];

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Servers, Self::Hosts, Self::Environments];

    /// The section of the first part of a path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|section| section.words().path.strip_prefix('/') == Some(path))
    }

    /// The column its secrets lie in.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Environments => "environment.variables",
            Self::Hosts => "git_host.token",
            Self::Servers => "server.ssh_key",
        }
    }

    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::Environments => &ENVIRONMENTS,
            Self::Hosts => &HOSTS,
            Self::Servers => &SERVERS,
        }
    }
}

const SERVERS: Words = Words {
    path: "/servers",
    title: "Servers",
    name: "Address",
    hint: None,
    about: "Key",
    call: "Connect a server",
    lead: "Machines that a deployment may log in to, each with its SSH key.",
    advice: "The key is read once, to show its type and fingerprint, and sealed before it is stored.",
    empty: "No server is connected yet. You need its address and an SSH private key that it knows.",
    loss: "Deployments to this server stop; the key on the server itself is yours to remove.",
    what: "SSH private keys",
};

const HOSTS: Words = Words {
    path: "/hosts",
    title: "Git hosts",
    name: "Account",
    hint: Some("Token"),
    about: "Scopes and expiry",
    call: "Connect a Git host",
    lead: "Where the code comes from, each with its OAuth token.",
    advice: "The tokens are sealed together before they are stored; expiry and scopes stay readable.",
    empty: "No Git host is connected yet. You need an access token of the account.",
    loss: "The token stays valid at the provider until it is revoked there.",
    what: "OAuth tokens",
};

const ENVIRONMENTS: Words = Words {
    path: "/environments",
    title: "Variables",
    name: "Set",
    hint: None,
    about: "Names",
    call: "Add variables",
    lead: "Named sets of environment variables, handed to a deployment as they are.",
    advice: "Paste a .env file. It is kept byte for byte.",
    empty: "No variables yet. Paste the .env file of one deployment and give it a name.",
    loss: "The next deployment that names this set stops.",
    what: "sets of environment variables",
};
