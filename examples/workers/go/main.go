// A worker of a team's own, in Go: it serves `activity` and `workflow` tasks of one task queue.
//
// It is an ordinary Temporal worker and knows nothing of activity-core. Tasks name its types and
// its queue; their `args` are its arguments, its results their outputs:
//
//   - id: quote
//     queue: quotes
//     activity: {type: Quote, args: [{amount: 120, currency: EUR}]}
//   - id: settle
//     queue: quotes
//     needs: [quote]
//     workflow: {type: Settle, args: ["${tasks.quote.outputs}"]}
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Order is what a quote is asked for.
type Order struct {
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
}

// Offer is what it comes to.
type Offer struct {
	Total    float64 `json:"total"`
	Currency string  `json:"currency"`
	Attempt  int32   `json:"attempt"`
}

// Receipt is what settling an offer comes to.
type Receipt struct {
	Settled float64 `json:"settled"`
	By      string  `json:"by"`
}

// Quote adds the fee. The type of its failure is what `retry.non_retryable` may name.
func Quote(ctx context.Context, order Order) (Offer, error) {
	if order.Amount < 0 {
		return Offer{}, temporal.NewApplicationError("no negative amounts", "NegativeAmount")
	}
	activity.RecordHeartbeat(ctx, "adding the fee")
	attempt := activity.GetInfo(ctx).Attempt
	return Offer{Total: order.Amount * 1.25, Currency: order.Currency, Attempt: attempt}, nil
}

// Settle is a workflow: a child of the run's own. Its first step is an activity of this worker.
func Settle(ctx workflow.Context, offer Offer) (Receipt, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
	})
	var checked Offer
	order := Order{Amount: offer.Total, Currency: offer.Currency}
	if err := workflow.ExecuteActivity(ctx, Quote, order).Get(ctx, &checked); err != nil {
		return Receipt{}, err
	}
	return Receipt{Settled: checked.Total, By: workflow.GetInfo(ctx).WorkflowType.Name}, nil
}

func main() {
	address, queue := setting("TEMPORAL_ADDRESS", client.DefaultHostPort), setting("TASK_QUEUE", "quotes")
	temporalClient, err := client.Dial(client.Options{
		HostPort:  address,
		Namespace: setting("TEMPORAL_NAMESPACE", client.DefaultNamespace),
	})
	if err != nil {
		log.Fatal(fmt.Errorf("cannot reach Temporal at %s: %w", address, err))
	}
	defer temporalClient.Close()
	served := worker.New(temporalClient, queue, worker.Options{})
	served.RegisterActivity(Quote)
	served.RegisterWorkflow(Settle)
	if err := served.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
