// Verifies checkpoints, proofs and exports with golang.org/x/mod/sumdb/note and
// golang.org/x/mod/sumdb/tlog: the signatures, the hashes and the tree are theirs. What is here
// beside reads the files of docs/formats/audit.md, and refuses what those packages let pass: the
// base64 decoder ignores stray bits and line feeds, note.Open drops repeated signatures and keeps
// unknown ones, and tlog.TreeHash of no record is zeros.
//
// Cases come on standard input, a verdict for each goes to standard output: 1, 0, or - for a kind
// that is not judged here.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var errRefused = errors.New("refused")

// tlog counts in int64 and searches powers of two above a size: beyond this it does not end.
const most = int64(1) << 62

var smallOrder = map[string]bool{
	strings.Repeat("00", 32):                                           true,
	"01" + strings.Repeat("00", 31):                                    true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": true,
	"ec" + strings.Repeat("ff", 30) + "7f":                             true,
	"ed" + strings.Repeat("ff", 30) + "7f":                             true,
	"ee" + strings.Repeat("ff", 30) + "7f":                             true,
}

func number(text string, max int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > max || strconv.FormatInt(n, 10) != text {
		return 0, errRefused
	}
	return n, nil
}

func unbase64(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return nil, errRefused
	}
	return data, nil
}

func hash(text string) (tlog.Hash, error) {
	h, err := tlog.ParseHash(text)
	if err != nil || h.String() != text {
		return tlog.Hash{}, errRefused
	}
	return h, nil
}

func validName(name string) bool {
	visible := func(r rune) bool { return r < 0x21 || r > 0x7e || r == '+' }
	return name != "" && len(name) <= 128 && strings.IndexFunc(name, visible) < 0
}

// A key with its text, which names it.
func verifier(vkey string) (note.Verifier, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil || !validName(v.Name()) {
		return nil, errRefused
	}
	parts := strings.SplitN(vkey, "+", 3)
	key, err := unbase64(parts[2])
	if err != nil || fmt.Sprintf("%08x", v.KeyHash()) != parts[1] {
		return nil, errRefused
	}
	point := append([]byte(nil), key[1:]...)
	point[31] &= 0x7f
	if smallOrder[hex.EncodeToString(point)] {
		return nil, errRefused
	}
	return v, nil
}

type id struct {
	name string
	hash uint32
}

type checkpoint struct {
	origin  string
	size    int64
	root    tlog.Hash
	signers map[id]bool
}

func openCheckpoint(data []byte, keys []string) (*checkpoint, error) {
	var known []note.Verifier
	for _, key := range keys {
		v, err := verifier(key)
		if err != nil {
			return nil, err
		}
		known = append(known, v)
	}
	if len(data) > 16384 {
		return nil, errRefused
	}
	n, err := note.Open(data, note.VerifierList(known...))
	if err != nil || len(n.UnverifiedSigs) > 0 || len(n.Sigs) > 16 {
		return nil, errRefused
	}
	c := &checkpoint{signers: map[id]bool{}}
	again := bytes.NewBufferString(n.Text + "\n")
	for _, sig := range n.Sigs {
		raw, err := base64.StdEncoding.DecodeString(sig.Base64)
		if err != nil || binary.BigEndian.Uint32(raw) != sig.Hash {
			return nil, errRefused
		}
		fmt.Fprintf(again, "\u2014 %s %s\n", sig.Name, base64.StdEncoding.EncodeToString(raw))
		c.signers[id{sig.Name, sig.Hash}] = true
	}
	if !bytes.Equal(again.Bytes(), data) {
		return nil, errRefused
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || !validName(lines[0]) {
		return nil, errRefused
	}
	c.origin = lines[0]
	if c.size, err = number(lines[1], most); err != nil {
		return nil, err
	}
	if c.root, err = hash(lines[2]); err != nil {
		return nil, err
	}
	for _, v := range known {
		if v.Name() != c.origin {
			return nil, errRefused
		}
	}
	return c, nil
}

func checkProof(data []byte, leaf []byte, keys []string) error {
	front, rest, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(front, "\n")
	if !found || len(data) > 20480 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errRefused
	}
	if !strings.HasPrefix(lines[1], "index ") || len(lines) > 2+63 {
		return errRefused
	}
	index, err := number(lines[1][len("index "):], most)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		h, err := hash(line)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	c, err := openCheckpoint([]byte(rest), keys)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, c.size, c.root, index, tlog.RecordHash(leaf))
}

func checkGrowth(data []byte) error {
	lines := strings.Split(string(data), "\n")
	var hashes []tlog.Hash
	for i, line := range lines {
		if i == 0 || i == 2 {
			continue
		}
		raw, err := hex.DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize {
			return errRefused
		}
		var h tlog.Hash
		copy(h[:], raw)
		hashes = append(hashes, h)
	}
	old, err := number(lines[0], most)
	if err != nil {
		return err
	}
	now, err := number(lines[2], most)
	if err != nil {
		return err
	}
	if old == 0 {
		// There is no proof of it in tlog.
		nothing := tlog.Hash(sha256.Sum256(nil))
		if len(hashes) != 2 || hashes[0] != nothing || now == 0 && hashes[1] != nothing {
			return errRefused
		}
		return nil
	}
	return tlog.CheckTree(hashes[2:], now, hashes[1], old, hashes[0])
}

// A tree of which some stored hashes are known.
type stored map[int64]tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		h, ok := s[index]
		if !ok {
			return nil, errRefused
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// The roots of the perfect subtrees of [start, end), and of those that they complete.
func (s stored) fill(start, end int64, roots []string) error {
	for start < end {
		level := 0
		for start&(int64(1)<<level) == 0 && start+int64(2)<<level <= end {
			level++
		}
		if len(roots) == 0 {
			return errRefused
		}
		h, err := hash(roots[0])
		if err != nil {
			return err
		}
		at := start >> level
		s[tlog.StoredHashIndex(level, at)] = h
		start += int64(1) << level
		for at&1 == 1 {
			left, ok := s[tlog.StoredHashIndex(level, at-1)]
			if !ok {
				return errRefused
			}
			level, at, h = level+1, at>>1, tlog.NodeHash(left, h)
			s[tlog.StoredHashIndex(level, at)] = h
		}
		roots = roots[1:]
	}
	if len(roots) > 0 {
		return errRefused
	}
	return nil
}

func (s stored) root(size int64) (tlog.Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(size, s)
}

// Reads a line and writes it again as it should be. The text of an entry is left as it is: its
// digest vouches for it.
func line(text string, into interface{}, again func() string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil || again() != text {
		return errRefused
	}
	return nil
}

func list(hashes []string) string {
	if len(hashes) == 0 {
		return "[]"
	}
	return `["` + strings.Join(hashes, `","`) + `"]`
}

type first struct {
	Version int64    `json:"keyward-audit-export"`
	Key     string   `json:"key"`
	Log     string   `json:"log"`
	From    int64    `json:"from"`
	Until   int64    `json:"until"`
	Left    []string `json:"left"`
}

type entry struct {
	Seq    int64           `json:"seq"`
	Day    uint32          `json:"day"`
	Class  string          `json:"class"`
	Digest string          `json:"digest"`
	Salt   *string         `json:"salt"`
	Body   json.RawMessage `json:"body"`
}

type last struct {
	Right      []string `json:"right"`
	Checkpoint string   `json:"checkpoint"`
}

// The leaf, if salt and body are those of its digest.
func (e *entry) leaf(log []byte) ([]byte, error) {
	digest, err := unbase64(e.Digest)
	if err != nil || len(digest) != 32 || len(e.Class) < 1 || len(e.Class) > 16 {
		return nil, errRefused
	}
	if strings.Trim(e.Class, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return nil, errRefused
	}
	if e.Salt != nil {
		salt, err := unbase64(*e.Salt)
		if err != nil || len(salt) != 32 {
			return nil, errRefused
		}
		sum := sha256.Sum256(append(salt, e.Body...))
		if !bytes.Equal(sum[:], digest) {
			return nil, errRefused
		}
	}
	leaf := append([]byte{1}, log...)
	leaf = append(leaf, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(leaf[17:], e.Day)
	leaf = append(leaf, e.Class...)
	leaf = append(leaf, make([]byte, 16-len(e.Class))...)
	return append(leaf, digest...), nil
}

func checkExport(data []byte, keys []string) error {
	if !bytes.HasSuffix(data, []byte("\n")) {
		return errRefused
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, line := range lines {
		if len(line) >= 66560 {
			return errRefused
		}
	}
	var f first
	err := line(lines[0], &f, func() string {
		return fmt.Sprintf(`{"keyward-audit-export":1,"key":"%s","log":"%s","from":%d,"until":%d,"left":%s}`,
			f.Key, f.Log, f.From, f.Until, list(f.Left))
	})
	log, bad := hex.DecodeString(f.Log)
	if err != nil || bad != nil || len(log) != 16 || hex.EncodeToString(log) != f.Log {
		return errRefused
	}
	if f.From < 0 || f.From > f.Until || f.Until > most || f.Until-f.From != int64(len(lines)-2) {
		return errRefused
	}
	tree := stored{}
	if err := tree.fill(0, f.From, f.Left); err != nil {
		return err
	}
	day := uint32(0)
	for i, text := range lines[1 : len(lines)-1] {
		var e entry
		err := line(text, &e, func() string {
			again := fmt.Sprintf(`{"seq":%d,"day":%d,"class":"%s","digest":"%s"`, e.Seq, e.Day, e.Class, e.Digest)
			if e.Salt != nil {
				again += fmt.Sprintf(`,"salt":"%s","body":%s`, *e.Salt, e.Body)
			}
			return again + "}"
		})
		if err != nil || e.Seq != f.From+int64(i) || e.Day < day || (e.Salt == nil) != (e.Body == nil) {
			return errRefused
		}
		day = e.Day
		leaf, err := e.leaf(log)
		if err != nil {
			return err
		}
		made, err := tlog.StoredHashesForRecordHash(e.Seq, tlog.RecordHash(leaf), tree)
		if err != nil {
			return err
		}
		at := tlog.StoredHashIndex(0, e.Seq)
		for i, h := range made {
			tree[at+int64(i)] = h
		}
	}
	var l last
	err = line(lines[len(lines)-1], &l, func() string {
		note := strings.NewReplacer("\n", `\n`, `"`, `\"`, `\`, `\\`).Replace(l.Checkpoint)
		return fmt.Sprintf(`{"right":%s,"checkpoint":"%s"}`, list(l.Right), note)
	})
	if err != nil {
		return err
	}
	c, err := openCheckpoint([]byte(l.Checkpoint), keys)
	if err != nil {
		return err
	}
	named, err := verifier(f.Key)
	if err != nil || !c.signers[id{named.Name(), named.KeyHash()}] {
		return errRefused
	}
	if c.origin != "keyward-log/"+f.Log || c.size < f.Until {
		return errRefused
	}
	if err := tree.fill(f.Until, c.size, l.Right); err != nil {
		return err
	}
	root, err := tree.root(c.size)
	if err != nil || root != c.root {
		return errRefused
	}
	return nil
}

func judge(kind string, keys []string, data, extra []byte) string {
	var err error
	switch kind {
	case "checkpoint":
		_, err = openCheckpoint(data, keys)
	case "export":
		err = checkExport(data, keys)
	case "growth":
		err = checkGrowth(data)
	case "key":
		_, err = verifier(string(data))
	case "proof":
		err = checkProof(data, extra, keys)
	default:
		return "-"
	}
	if err != nil {
		return "0"
	}
	return "1"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	var kind string
	var keys []string
	var data, extra []byte
	for in.Scan() {
		words := strings.Split(in.Text(), "\t")
		changed := data
		switch words[0] {
		case "case":
			kind, keys = words[1], strings.Fields(words[2])
			data, _ = hex.DecodeString(words[3])
			extra, _ = hex.DecodeString(words[4])
			changed = data
		case "flip":
			bit, _ := strconv.Atoi(words[1])
			changed = append([]byte(nil), data...)
			changed[bit/8] ^= 1 << (bit % 8)
		case "cut":
			length, _ := strconv.Atoi(words[1])
			changed = data[:length]
		default:
			panic(words[0])
		}
		fmt.Fprintln(out, judge(kind, keys, changed, extra))
	}
	if in.Err() != nil || out.Flush() != nil {
		os.Exit(1)
	}
}
