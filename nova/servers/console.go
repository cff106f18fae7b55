package servers

import (
	"bytes"
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
)

// consoleBytes bounds the console output of one answer.
const consoleBytes = 100 << 10

// ConsoleLog returns the last lines of the server's console output; a negative number is all that is kept.
func (s *Servers) ConsoleLog(ctx context.Context, v *nova.Server, lines int) ([]byte, error) {
	if err := placed(v); err != nil {
		return nil, err
	}
	r, err := rpcapi.ConsoleLog.Do(ctx, s.Bus, v.Host, rpcapi.ConsoleLogArgs{Server: v.ID, Max: consoleBytes})
	if err != nil {
		return nil, err
	}
	return lastLines(r.Data, lines), nil
}

// lastLines returns the last n lines as nova counts them: the text after the last newline is a line, also when it is
// empty.
func lastLines(b []byte, n int) []byte {
	if n < 0 {
		return b
	}
	if n == 0 {
		return nil
	}
	at := len(b)
	for range n {
		if at = bytes.LastIndexByte(b[:at], '\n'); at < 0 {
			return b
		}
	}
	return b[at+1:]
}
