// A node's dialog in KNIME's own renderer. What KNIME's program adds around it is left out, but for the link that shows
// advanced settings.

import { createApp, h, ref } from "vue";
import { JsonFormsDialog, controls, defineControl, defineLayout, layouts, mapControls, mapLayouts, toRenderers } from "@knime/jsonforms";
import "@knime/jsonforms/styles";
import "@knime/kds-styles/index.css";
import "@knime/kds-styles/kds-legacy-theme.css";
import "@knime/styles/css/variables/index.css";
import "./page.css";

const advanced = ref(false);

/** Wraps controls or layouts, so that advanced ones are there only where advanced settings are shown. */
const whereShown = (define, of) => (component) =>
  define(
    (props, context) => () =>
      props[of].uischema.options?.isAdvanced && !advanced.value ? null : h(component, props, context.slots),
  );

const renderers = toRenderers({
  renderers: [],
  controls: Object.values(mapControls(whereShown(defineControl, "control"))(controls)),
  layouts: Object.values(mapLayouts(whereShown(defineLayout, "layout"))(layouts)),
});

const link = () =>
  h("a", { id: "advanced", onClick: () => (advanced.value = !advanced.value) }, [
    advanced.value ? "Hide advanced settings" : "Show advanced settings",
  ]);

let app = null;
let data = null;

/** Show a dialog that KNIME's Python backend described. */
window.show = (dialog) => {
  app?.unmount();
  advanced.value = false;
  data = dialog.data;
  const bottom = JSON.stringify(dialog.ui_schema).includes('"isAdvanced":true') ? link : () => null;
  app = createApp(() =>
    h(
      JsonFormsDialog,
      {
        data: dialog.data,
        schema: dialog.schema,
        uischema: dialog.ui_schema,
        renderers,
        onChange: (event) => {
          data = event.data ?? data;
        },
      },
      { bottom },
    ),
  );
  app.mount("#dialog");
};

/** The settings as they are now. */
window.settings = () => JSON.parse(JSON.stringify(data));
