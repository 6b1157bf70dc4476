//! Variables that decide what code a program runs, whatever the program is.
//!
//! Whoever gives a set of variables gives values, and not code. So a name is known here that a
//! loader, a shell, an interpreter or a tool that a script commonly calls takes code, options or a
//! search path from. The list is not complete, since every program may have such names of its own:
//! it holds what works on programs that do not expect it. So the check is a second line behind the
//! rule that whoever writes a set is trusted with what is run with it. `HOME` is let through: many
//! programs do not start without it, though it leads to files of settings.

/// What such a name begins with.
///
/// `LD_`: ld.so(8). `DYLD_`: dyld(1). `_RLD`, `LDR_`: the loaders of IRIX and AIX, as sudoers(5)
/// has them. `BASH_FUNC_`: exported functions, bash(1). `GIT_CONFIG`: git-config(1), where a value
/// may be a command. `KEYWARD_`: where `keyward` itself finds its home and root. `KRB5_CONFIG`:
/// sudoers(5). `CARGO_ALIAS_`, `CARGO_BUILD_`, `CARGO_CREDENTIAL_ALIAS_`, `CARGO_TARGET_`: commands,
/// wrappers, linkers and runners, the Cargo book. `CGO_`: the command cgo of Go. `CMAKE_`:
/// cmake-env-variables(7). `CORECLR_PROFILER`, `COR_PROFILER`: the profiling of .NET. `LUA_CPATH`,
/// `LUA_INIT`, `LUA_PATH`: lua(1), with and without a version behind them. `PKG_CONFIG`:
/// pkg-config(1). `R_ENVIRON`, `R_LIBS`, `R_PROFILE`: Startup of R.
/// `TF_CLI_`: the command line of Terraform. `TS_NODE_`: the options of ts-node.
const BEGINNINGS: &[&str] = &[
    "BASH_FUNC_",
    "CARGO_ALIAS_",
    "CARGO_BUILD_",
    "CARGO_CREDENTIAL_ALIAS_",
    "CARGO_TARGET_",
    "CGO_",
    "CMAKE_",
    "CORECLR_PROFILER",
    "COR_PROFILER",
    "DYLD_",
    "GIT_CONFIG",
    "KEYWARD_",
    "KRB5_CONFIG",
    "LDR_",
    "LD_",
    "LUA_CPATH",
    "LUA_INIT",
    "LUA_PATH",
    "PKG_CONFIG",
    "R_ENVIRON",
    "R_LIBS",
    "R_PROFILE",
    "TF_CLI_",
    "TS_NODE_",
    "_RLD",
];

/// What such a name ends with: programs that Cargo asks for credentials, `CARGO_REGISTRY_` or
/// `CARGO_REGISTRIES_NAME_` before it; the Cargo book.
const ENDINGS: &[&str] = &["_CREDENTIAL_PROVIDER", "_CREDENTIAL_PROVIDERS"];

/// The same, however it is written: npm-config, `script_shell` and `node_options` among them.
const BEGINS_IN_ANY_CASE: &str = "npm_config_";

/// Whole names, each beside where it is described.
const NAMES: &[&str] = &[
    // Which programs are run: POSIX, environment variables.
    "PATH",
    // The C library: what glibc takes from programs of raised privilege
    // (sysdeps/generic/unsecvars.h), and sudoers(5).
    "AUTHSTATE",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LIBPATH",
    "LOCALDOMAIN",
    "LOCPATH",
    "NIS_PATH",
    "NLSPATH",
    "PATH_LOCALE",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "SHLIB_PATH",
    "TERMCAP",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMPATH",
    "TZDIR",
    // OpenSSL, ENVIRONMENT of openssl-env(7): modules that are loaded.
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    // Modules of other libraries: Cyrus SASL, GIO, GTK, Qt, GStreamer, MySQL's client.
    "GIO_EXTRA_MODULES",
    "GIO_MODULE_DIR",
    "GST_PLUGIN_PATH",
    "GTK_MODULES",
    "GTK_PATH",
    "LIBMYSQL_PLUGINS",
    "LIBMYSQL_PLUGIN_DIR",
    "QT_PLUGIN_PATH",
    "SASL_PATH",
    // D-Bus: an address may be a program, `unixexec:` of its specification.
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_STARTER_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    // Where programs look for settings that name commands: the XDG base directories.
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    // Shells: sh of POSIX, bash(1), ksh(1), zsh(1); sudoers(5).
    "BASHOPTS",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "CDPATH",
    "ENV",
    "FCEDIT",
    "FPATH",
    "GLOBIGNORE",
    "IFS",
    "NULLCMD",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "READNULLCMD",
    "SHELL",
    "SHELLOPTS",
    "TMPPREFIX",
    "ZDOTDIR",
    // Python: "Environment variables" of its command line.
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
    "GUNICORN_CMD_ARGS",
    "IPYTHONDIR",
    "PIP_CONFIG_FILE",
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
    // Node.js: "Environment variables" of its command line. Bun, Yarn.
    "BUN_OPTIONS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "YARN_PLUGINS",
    "YARN_RC_FILENAME",
    "YARN_YARN_PATH",
    // Perl: perlrun(1). Ruby: ruby(1), bundle-config(1). PHP: its command line, Composer.
    "COMPOSER",
    "COMPOSER_HOME",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PERL_CPANM_OPT",
    "PERL_MB_OPT",
    "PERL_MM_OPT",
    "IRBRC",
    "RUBYGEMS_GEMDEPS",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_APP_CONFIG",
    "BUNDLE_CONFIG",
    "BUNDLE_GEMFILE",
    "BUNDLE_PATH",
    "BUNDLE_USER_CONFIG",
    "BUNDLE_USER_HOME",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    // Java: "Using the JDK_JAVA_OPTIONS Launcher Environment Variable" of java(1); the JVM TI guide.
    "CLASSPATH",
    "GRADLE_OPTS",
    "GRADLE_USER_HOME",
    "JAVA_HOME",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "MAVEN_ARGS",
    "MAVEN_OPTS",
    "_JAVA_OPTIONS",
    // .NET: its debugging and profiling settings.
    "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_HOST_PATH",
    "DOTNET_ROOT",
    "DOTNET_SHARED_STORE",
    "DOTNET_STARTUP_HOOKS",
    // Erlang: erl(1). Tcl: tclsh(1). Guile, Emacs, OCaml, Julia, R: their manuals.
    "CAML_LD_LIBRARY_PATH",
    "EMACSLOADPATH",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_LIBS",
    "ERL_ZFLAGS",
    "GUILE_LOAD_COMPILED_PATH",
    "GUILE_LOAD_PATH",
    "JULIA_DEPOT_PATH",
    "JULIA_LOAD_PATH",
    "R_HOME",
    "TCLLIBPATH",
    "TCL_LIBRARY",
    // Make and compilers: make(1), gcc(1), ccache(1).
    "AR",
    "CC",
    "CCACHE_COMPILER",
    "CCACHE_PREFIX",
    "CFLAGS",
    "COMPILER_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "CPP",
    "CXX",
    "CXXFLAGS",
    "C_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "GNUMAKEFLAGS",
    "LD",
    "LDFLAGS",
    "LIBRARY_PATH",
    "MAKEFILES",
    "MAKEFLAGS",
    // Rust: the Cargo book, rustup. Go: `go help environment`.
    "CARGO_ENCODED_RUSTDOCFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "GCCGO",
    "GOAUTH",
    "GOCACHEPROG",
    "GOENV",
    "GOFLAGS",
    "GOPATH",
    "GOPROXY",
    "GOROOT",
    "GOTOOLCHAIN",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    // Git and ssh: git(1), ssh(1), ssh-add(1), ssh-agent(1): commands that they run, libraries that
    // they load, protocols that are commands, and the folder whose settings are commands.
    "GIT_ALLOW_PROTOCOL",
    "GIT_ASKPASS",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "SSH_ASKPASS",
    "SSH_PKCS11_HELPER",
    "SSH_SK_HELPER",
    "SSH_SK_PROVIDER",
    // Others that keep versions: hg(1), svn(1), cvs(1).
    "CVS_RSH",
    "HGEDITOR",
    "HGMERGE",
    "HGRCPATH",
    "SVN_EDITOR",
    "SVN_SSH",
    // Tools that scripts call, by their manuals: rsync, tar, bc, curl, wget, gpg, sudo, apt, rpm, nix,
    // ImageMagick, Ghostscript.
    "APT_CONFIG",
    "BC_ENV_ARGS",
    "CURL_HOME",
    "GNUPGHOME",
    "GS_LIB",
    "GS_OPTIONS",
    "MAGICK_CODER_MODULE_PATH",
    "MAGICK_CONFIGURE_PATH",
    "MAILCAPS",
    "NIX_CONFIG",
    "NIX_PATH",
    "RPM_CONFIGDIR",
    "RSYNC_CONNECT_PROG",
    "RSYNC_RSH",
    "SUDO_ASKPASS",
    "SUDO_EDITOR",
    "TAR_OPTIONS",
    "WGETRC",
    // Clients of clouds, clusters and databases, whose settings name commands.
    "ANSIBLE_CONFIG",
    "ANSIBLE_EXECUTABLE",
    "ANSIBLE_LIBRARY",
    "ANSIBLE_SSH_EXECUTABLE",
    "ANSIBLE_VAULT_PASSWORD_FILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "DOCKER_CONFIG",
    "HELM_PLUGINS",
    "KUBECONFIG",
    "MYSQL_HOME",
    "PSQLRC",
    "PSQL_EDITOR",
    "PSQL_PAGER",
    // What many programs start: environ(7), man(1), less(1).
    "BROWSER",
    "EDITOR",
    "EXINIT",
    "LESS",
    "LESSCLOSE",
    "LESSKEY",
    "LESSKEYIN",
    "LESSKEY_CONTENT",
    "LESSKEYIN_SYSTEM",
    "LESSKEY_SYSTEM",
    "LESSOPEN",
    "MANPAGER",
    "PAGER",
    "SYSTEMD_EDITOR",
    "SYSTEMD_PAGER",
    "VIMINIT",
    "VIMRUNTIME",
    "VISUAL",
];

/// Whether a variable of that name decides what code a program runs.
pub(super) fn steers(name: &str) -> bool {
    let start = name.get(..BEGINS_IN_ANY_CASE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(BEGINS_IN_ANY_CASE))
        || NAMES.contains(&name)
        || BEGINNINGS.iter().any(|start| name.starts_with(start))
        || ENDINGS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::steers;

    #[test]
    fn code_is_told_from_values() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "BASH_ENV",
            "ENV",
            "IFS",
            "PATH",
            "NODE_OPTIONS",
            "GIT_SSH_COMMAND",
            "KEYWARD_ROOT",
            "PYTHONSTARTUP",
            "VISUAL",
            "npm_config_script_shell",
            "NPM_CONFIG_SCRIPT_SHELL",
            "Npm_Config_script_shell",
            "CARGO_REGISTRIES_OWN_CREDENTIAL_PROVIDER",
            "GIT_DIR",
            "GIT_SEQUENCE_EDITOR",
            "LUA_INIT_5_4",
            "RUSTC_WORKSPACE_WRAPPER",
            "SSH_SK_PROVIDER",
            "TAR_OPTIONS",
            "XDG_CONFIG_HOME",
        ] {
            assert!(steers(name), "{name}");
        }
        for name in [
            "DATABASE_URL",
            "GITHUB_TOKEN",
            "NODE_ENV",
            "RAILS_ENV",
            "APP_PATH",
            "TMPDIR",
            "HOME",
            "GIT_AUTHOR_NAME",
            "LDAP_PASSWORD",
            "GIT_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_OWN_TOKEN",
            "LUABASE_URL",
            "R2_TOKEN",
            "TF_VAR_token",
            "BUNDLE_GEMS__EXAMPLE__COM",
            "YARN_NPM_AUTH_TOKEN",
            "PIP_INDEX_URL",
        ] {
            assert!(!steers(name), "{name}");
        }
    }
}
