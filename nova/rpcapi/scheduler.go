package rpcapi

import (
	"hypernova/nova"
	"hypernova/oslo/messaging"
)

// Scheduler is the topic of those who choose hosts.
var Scheduler = messaging.NewAPI("scheduler")

// Select answers hosts best first, or fault.NoValidHost with the explanation in its text.
var Select = messaging.NewCall[SelectArgs, SelectReply](Scheduler, "select")

// SelectArgs is the question.
type SelectArgs struct{ Request nova.Request }

// SelectReply is the answer.
type SelectReply struct{ Selection nova.Selection }
