// /// script
// dependencies = ["github.com/anthropics/anthropic-sdk-go/v2@v2.15.0"]
//
// [tool.streamproof]
// policy = "raise"
// capabilities = ["retries", "tools", "outcomes", "reuse"]
// many = true
// ///

// The official Go SDK: `Messages.NewStreaming` and `Accumulate`, its own retries and backoff.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
)

type job struct {
	ID      int             `json:"id"`
	Cancel  bool            `json:"cancel"`
	Client  string          `json:"client"`
	Close   bool            `json:"close"`
	BaseURL string          `json:"base_url"`
	APIKey  string          `json:"api_key"`
	Request json.RawMessage `json:"request"`
}

type line map[string]any

var outcomes = map[anthropic.StopReason]string{
	"max_tokens":                    "truncated",
	"model_context_window_exceeded": "truncated",
	"refusal":                       "refused",
	"pause_turn":                    "paused",
}

var printing sync.Mutex

func say(id int, said line) {
	said["id"] = id
	printing.Lock()
	defer printing.Unlock()
	printed, _ := json.Marshal(said)
	fmt.Println(string(printed))
}

func connect(asked job) anthropic.Client {
	return anthropic.NewClient(option.WithAPIKey(asked.APIKey), option.WithBaseURL(asked.BaseURL))
}

func call(ctx context.Context, client anthropic.Client, asked job) {
	var params anthropic.MessageNewParams
	if err := json.Unmarshal(asked.Request, &params); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stream := client.Messages.NewStreaming(ctx, params)
	defer stream.Close()
	message := anthropic.Message{}
	for stream.Next() {
		event := stream.Current()
		if err := message.Accumulate(event); err != nil {
			fail(ctx, asked.ID, err)
			return
		}
		if event.Type == "content_block_delta" && event.Delta.Type == "text_delta" {
			say(asked.ID, line{"type": "text", "text": event.Delta.Text})
		}
	}
	if err := stream.Err(); err != nil {
		fail(ctx, asked.ID, err)
		return
	}
	say(asked.ID, finished(message))
}

func finished(message anthropic.Message) line {
	text, tools := "", []line{}
	for _, block := range message.Content {
		switch block.Type {
		case "text":
			text += block.Text
		case "tool_use":
			if json.Valid(block.Input) { // an application that reads the input of another one fails, and runs nothing
				tools = append(tools, line{"name": block.Name, "input": block.Input})
			}
		}
	}
	outcome, known := outcomes[message.StopReason]
	if !known {
		outcome = "complete"
	}
	said := line{"type": "done", "outcome": outcome, "text": text, "tools": tools}
	if message.StopReason != "" {
		said["stop_reason"] = message.StopReason
	}
	return said
}

func fail(ctx context.Context, id int, err error) {
	if ctx.Err() != nil {
		say(id, line{"type": "done", "outcome": "cancelled"})
		return
	}
	said := line{"type": "error", "name": fmt.Sprintf("%T", err), "message": err.Error(), "typed": true}
	var own *anthropic.Error
	if errors.As(err, &own) && own.StatusCode >= 400 {
		said["status"] = own.StatusCode
	}
	say(id, said)
}

func main() {
	running, guard := map[int]context.CancelFunc{}, sync.Mutex{}
	kept := map[string]anthropic.Client{} // those that several calls share
	input := bufio.NewReader(os.Stdin)
	fmt.Println(`{"type": "ready"}`)
	for {
		read, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked job
		if err := json.Unmarshal(read, &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if asked.Close {
			delete(kept, asked.Client)
			continue
		}
		guard.Lock()
		if cancel, known := running[asked.ID]; asked.Cancel && known {
			cancel()
		} else if !asked.Cancel {
			ctx, cancel := context.WithCancel(context.Background())
			running[asked.ID] = cancel
			client, known := kept[asked.Client]
			if !known {
				client = connect(asked)
			}
			if asked.Client != "" {
				kept[asked.Client] = client
			}
			go func() {
				call(ctx, client, asked)
				guard.Lock()
				delete(running, asked.ID)
				guard.Unlock()
			}()
		}
		guard.Unlock()
	}
}
