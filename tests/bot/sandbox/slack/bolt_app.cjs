// Bolt for JavaScript, unmodified, as a judge of the stand-in: one command, one form, one event.
const { App } = require("@slack/bolt");

const app = new App({
  token: process.env.BOT_TOKEN,
  appToken: process.env.APP_TOKEN,
  socketMode: true,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});

app.command("/tune", async ({ ack, body, client, respond }) => {
  await ack();
  await client.chat.postMessage({ channel: body.channel_id, text: `node heard ${body.text}` });
  await respond("node responded");
  await client.views.open({
    trigger_id: body.trigger_id,
    view: {
      type: "modal",
      callback_id: "form",
      title: { type: "plain_text", text: "Form" },
      submit: { type: "plain_text", text: "Go" },
      blocks: [
        {
          type: "input",
          block_id: "name",
          label: { type: "plain_text", text: "Name" },
          element: { type: "plain_text_input", action_id: "name" },
        },
      ],
    },
  });
});

app.view("form", async ({ ack, view, body, client }) => {
  await ack();
  await client.chat.postMessage({ channel: body.user.id, text: `node got ${view.state.values.name.name.value}` });
});

app.event("app_mention", async ({ event, say }) => {
  await say({ text: `node was told ${event.text}`, thread_ts: event.ts });
});

app.event("message", async () => {});

app.start().then(() => console.log("started"));
