//! Variables that decide what code a program runs, whatever the program is.
//!
//! Whoever gives a set of variables gives values, and not code. So a name is known here that a
//! loader, a shell, an interpreter or a tool that a script commonly calls takes code, options or a
//! search path from. The list is not complete, since every program may have such names of its own:
//! it holds what works on programs that do not expect it.

/// What such a name begins with.
///
/// `LD_`: ld.so(8). `DYLD_`: dyld(1). `_RLD`, `LDR_`: the loaders of IRIX and AIX, as sudoers(5)
/// has them. `BASH_FUNC_`: exported functions, bash(1). `GIT_CONFIG`: git-config(1), where a value
/// may be a command. `KEYWARD_`: where `keyward` itself finds its home and root. `KRB5_CONFIG`:
/// sudoers(5). `CARGO_BUILD_`, `CARGO_TARGET_`: wrappers, linkers and runners, the Cargo book.
const BEGINNINGS: [&str; 10] = [
    "BASH_FUNC_",
    "CARGO_BUILD_",
    "CARGO_TARGET_",
    "DYLD_",
    "GIT_CONFIG",
    "KEYWARD_",
    "KRB5_CONFIG",
    "LDR_",
    "LD_",
    "_RLD",
];

/// The same, however it is written: npm-config, `script_shell` and `node_options` among them.
const BEGINS_IN_ANY_CASE: &str = "npm_config_";

/// Whole names, each beside where it is described.
const NAMES: [&str; 101] = [
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
    // Shells: sh of POSIX, bash(1), ksh(1), zsh(1); sudoers(5).
    "BASHOPTS",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "CDPATH",
    "ENV",
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
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
    "PIP_CONFIG_FILE",
    // Node.js: "Environment variables" of its command line.
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    // Perl: perlrun(1). Ruby: ruby(1). Lua: lua(1). PHP: its command line.
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PERL_MM_OPT",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_GEMFILE",
    "LUA_CPATH",
    "LUA_INIT",
    "LUA_PATH",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    // Java: "Using the JDK_JAVA_OPTIONS Launcher Environment Variable" of java(1); the JVM TI guide.
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    // .NET: its debugging and profiling settings.
    "CORECLR_PROFILER",
    "CORECLR_PROFILER_PATH",
    "DOTNET_STARTUP_HOOKS",
    // Make, Rust and Go builds.
    "GOFLAGS",
    "MAKEFILES",
    "MAKEFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    // Git and ssh: git(1), ssh(1): commands that they run.
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "SSH_ASKPASS",
    // What many programs start: environ(7), man(1), less(1).
    "BROWSER",
    "EDITOR",
    "LESSCLOSE",
    "LESSOPEN",
    "MANPAGER",
    "PAGER",
    "VISUAL",
];

/// Whether a variable of that name decides what code a program runs.
pub(super) fn steers(name: &str) -> bool {
    let start = name.get(..BEGINS_IN_ANY_CASE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(BEGINS_IN_ANY_CASE))
        || NAMES.contains(&name)
        || BEGINNINGS.iter().any(|start| name.starts_with(start))
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
        ] {
            assert!(!steers(name), "{name}");
        }
    }
}
