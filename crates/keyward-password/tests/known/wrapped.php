<?php
// Wrapped strings of the password `correct horse`, as docs/formats/wrapped-hash.md says, by PHP alone:
// php wrapped.php > wrapped.tsv. The outer salts are PHP's, new each time.

$password = 'correct horse';
$salt = '0123456789abcdef';

function line($context, $label, $inner, $digest)
{
    $inside = '{' . $label . '}' . $inner;
    $message = "keyward wrapped hash 1\n" . pack('J', strlen($inside)) . $inside . $digest;
    $cost = ['memory_cost' => 8, 'time_cost' => 1, 'threads' => 1];
    echo $context, "\t{wrap1}", password_hash($message, PASSWORD_ARGON2ID, $cost), $inside, "\n";
}

function zeros($count)
{
    return base64_encode(str_repeat("\0", $count));
}

$of_bcrypt = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
$of_base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
$bcrypt = crypt($password, '$2y$04$CCCCCCCCCCCCCCCCCCCCC.');
$keycloak = json_encode([
    'credentialData' => ['algorithm' => 'pbkdf2-sha256', 'hashIterations' => 3],
    'secretData' => ['salt' => base64_encode($salt), 'value' => zeros(32)],
], JSON_UNESCAPED_SLASHES);
$aspnet = base64_encode("\1" . pack('NNN', 1, 2, 16) . $salt . str_repeat("\0", 32));

line('{}', 'aspnet', $aspnet, hash_pbkdf2('sha256', $password, $salt, 2, 32, true));
line('{}', '', substr($bcrypt, 0, 29) . str_repeat('.', 31), base64_decode(strtr(substr($bcrypt, 29), $of_bcrypt, $of_base64)));
line('{}', '', 'pbkdf2_sha256$2$salt$' . zeros(32), hash_pbkdf2('sha256', $password, 'salt', 2, 32, true));
line('{}', 'hex-md5', str_repeat('0', 32), md5($password, true));
line('{}', '', '$hmac-sha256$' . base64_encode(str_repeat('0', 64)) . '$' . base64_encode('key'), hash_hmac('sha256', $password, 'key', true));
line('{}', '', $keycloak, hash_pbkdf2('sha256', $password, $salt, 3, 32, true));
line('{"user":"alice"}', 'postgres-md5', 'md5' . str_repeat('0', 32), md5($password . 'alice', true));
line('{}', 'ldap', '{SSHA}' . base64_encode(str_repeat("\0", 20) . 'salt'), sha1($password . 'salt', true));
