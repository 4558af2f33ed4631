// An element without height, as wide as the explorer that it is in. The figures do not change that
// width, so that there is no feedback.
export default {
  render({model, el}) {
    const observer = new ResizeObserver(([{contentRect}]) => {
      if (contentRect.width < 1) return;  // in a hidden tab
      model.set("pixels", contentRect.width);
      model.save_changes();
    });
    observer.observe(el);
    return () => observer.disconnect();
  }
};
