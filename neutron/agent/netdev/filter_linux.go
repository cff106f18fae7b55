package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const nftables = unix.NFNL_SUBSYS_NFTABLES << 8

// Attributes of nftables messages that x/sys does not name, and those by which objects are told apart.
const (
	genID           = 1 // NFTA_GEN_ID
	objectTable     = 1 // NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE
	setName         = unix.NFTA_SET_NAME
	elementsOf      = 2 // NFTA_SET_ELEM_LIST_SET
	elementsContent = 3 // NFTA_SET_ELEM_LIST_ELEMENTS
)

var families = map[string]uint8{"inet": unix.NFPROTO_INET, "bridge": unix.NFPROTO_BRIDGE}

// Generation is the number of the last committed change of a packet filter, by whomever: that of a router's namespace,
// or of the host where router is empty.
func (h *Host) Generation(router string) (uint32, error) {
	w, err := h.filterOf(router)
	if err != nil {
		return 0, err
	}
	return w.generation()
}

func (h *Host) filterOf(router string) (wire, error) {
	if router == "" {
		return h.wire, nil
	}
	sp, err := routers{h}.open(router)
	if err != nil {
		return nil, err
	}
	return sp.wire, nil
}

func (w wire) generation() (uint32, error) {
	msgs, err := w.ask(unix.NFT_MSG_GETGEN, unix.NFT_MSG_NEWGEN, unix.AF_UNSPEC, 0)
	if err != nil {
		return 0, fmt.Errorf("generation of the packet filter: %w", err)
	}
	var id uint32
	for _, m := range msgs {
		if v := m.value(genID); len(v) >= 4 {
			id = binary.BigEndian.Uint32(v)
		}
	}
	return id, nil
}

// Filter reads tables of a packet filter, named by family and name, as the kernel holds them. router is as for
// Generation.
func (h *Host) Filter(router string, tables []string) (Filter, error) {
	w, err := h.filterOf(router)
	if err != nil {
		return Filter{}, err
	}
	generation, err := w.generation() // of before: what comes meanwhile is found by the next look
	if err != nil {
		return Filter{}, err
	}
	f := Filter{Generation: generation, Parts: map[string]uint64{}}
	parts, err := list(func() ([]part, error) { return readTables(w, tables) })
	if err != nil {
		return f, fmt.Errorf("read the packet filter: %w", err)
	}
	for _, p := range parts {
		f.Parts[p.name] = p.sum
	}
	return f, nil
}

type part struct {
	name string
	sum  uint64
}

// sums is per process: sums are compared with those of the same process only.
var sums = maphash.MakeSeed()

func readTables(w wire, tables []string) ([]part, error) {
	var out []part
	for _, full := range tables {
		family, name, _ := strings.Cut(full, " ")
		t := tableReader{wire: w, full: full, name: name, family: families[family], out: &out}
		for _, read := range []func() error{t.table, t.chains, t.rules, t.sets} {
			err := read()
			if errors.Is(err, unix.ENOENT) {
				break // the table is not there, or not any more
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
		}
	}
	return out, nil
}

type tableReader struct {
	wire
	full, name string
	family     uint8
	out        *[]part
}

func (t tableReader) add(kind, name string, sum uint64) {
	if name != "" {
		name = " " + name
	}
	*t.out = append(*t.out, part{t.full + kind + name, sum})
}

func (t tableReader) ofTable() *nl.RtAttr {
	return nl.NewRtAttr(objectTable, nl.ZeroTerminated(t.name))
}

func (t tableReader) table() error {
	msgs, err := t.ask(unix.NFT_MSG_GETTABLE, unix.NFT_MSG_NEWTABLE, t.family, 0,
		nl.NewRtAttr(unix.NFTA_TABLE_NAME, nl.ZeroTerminated(t.name)))
	for _, m := range msgs {
		t.add("", "", maphash.Bytes(sums, m))
	}
	return err
}

func (t tableReader) chains() error {
	msgs, err := t.ask(unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_NEWCHAIN, t.family, unix.NLM_F_DUMP)
	for _, m := range msgs {
		if m.text(objectTable) == t.name {
			t.add(" chain", m.text(unix.NFTA_CHAIN_NAME), maphash.Bytes(sums, m))
		}
	}
	return err
}

// rules are summed per chain, in their order.
func (t tableReader) rules() error {
	msgs, err := t.ask(unix.NFT_MSG_GETRULE, unix.NFT_MSG_NEWRULE, t.family, unix.NLM_F_DUMP, t.ofTable())
	if err != nil {
		return err
	}
	var order []string
	chains := map[string]*maphash.Hash{}
	for _, m := range msgs {
		if m.text(objectTable) != t.name {
			continue
		}
		chain := m.text(unix.NFTA_RULE_CHAIN)
		sum := chains[chain]
		if sum == nil {
			sum = &maphash.Hash{}
			sum.SetSeed(sums)
			chains[chain] = sum
			order = append(order, chain)
		}
		sum.Write(m)
	}
	for _, chain := range order {
		t.add(" rules of", chain, chains[chain].Sum64())
	}
	return nil
}

// sets are summed with their elements, whose order means nothing.
func (t tableReader) sets() error {
	msgs, err := t.ask(unix.NFT_MSG_GETSET, unix.NFT_MSG_NEWSET, t.family, unix.NLM_F_DUMP, t.ofTable())
	if err != nil {
		return err
	}
	for _, m := range msgs {
		name := m.text(setName)
		if m.text(objectTable) != t.name {
			continue
		}
		t.add(" set", name, maphash.Bytes(sums, m))
		lists, err := t.ask(unix.NFT_MSG_GETSETELEM, unix.NFT_MSG_NEWSETELEM, t.family, unix.NLM_F_DUMP,
			t.ofTable(), nl.NewRtAttr(elementsOf, nl.ZeroTerminated(name)))
		if err != nil {
			return err
		}
		var elements []uint64
		for _, l := range lists {
			attrs, err := nl.ParseRouteAttr(l.value(elementsContent))
			if err != nil {
				return err
			}
			for _, a := range attrs {
				elements = append(elements, maphash.Bytes(sums, a.Value))
			}
		}
		slices.Sort(elements)
		var all []byte
		for _, e := range elements {
			all = binary.BigEndian.AppendUint64(all, e)
		}
		t.add(" elements of", name, maphash.Bytes(sums, all))
	}
	return nil
}

// message is a reply's attributes.
type message []byte

func (m message) value(attr uint16) []byte {
	attrs, err := nl.ParseRouteAttr(m)
	if err != nil {
		return nil
	}
	for _, a := range attrs {
		if a.Attr.Type&nl.NLA_TYPE_MASK == attr {
			return a.Value
		}
	}
	return nil
}

func (m message) text(attr uint16) string { return unix.ByteSliceToString(m.value(attr)) }

// ask sends a request of nftables. What the header of a reply says (the generation) is left out.
func (w wire) ask(what, reply int, family uint8, flags int, attrs ...*nl.RtAttr) ([]message, error) {
	req := nl.NewNetlinkRequest(nftables|what, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	for _, a := range attrs {
		req.AddData(a)
	}
	msgs, err := w.do(req, unix.NETLINK_NETFILTER, uint16(nftables|reply))
	out := make([]message, 0, len(msgs))
	for _, m := range msgs {
		if len(m) >= nl.SizeofNfgenmsg {
			out = append(out, m[nl.SizeofNfgenmsg:])
		}
	}
	return out, err
}
