/* Life and death of nodes. Dead nodes are kept for new ones; a dead graph is walked in a loop. */

enum { MOST_FREE = 100000, SORTED = 128 };
static Value *free_nodes[MOST_FREE], *spare_nodes[MOST_FREE]; /* the next one is on top */
static int free_count;

/* Which of 256 bins a node falls into, by eight bits of its address: high addresses first. */
static inline int bin(const Value *v, uintptr_t low, int shift) {
    return 255 & ~(((uintptr_t)v - low) >> shift);
}

/* A radix sort of the nodes from `start` on by address, the lowest on top. A graph dies in another
   order than it was made in; without this the next one is scattered over memory, the one after it
   more so, and each of its operations waits for the memory. */
static void sort_free(int start) {
    Value **from = free_nodes + start, **to = spare_nodes;
    const int count = free_count - start;
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (int i = 0; i < count; i++) {
        const uintptr_t address = (uintptr_t)from[i];
        if (address < low) low = address;
        if (address > high) high = address;
    }
    for (int shift = 8; shift < 64 && (high - low) >> shift; shift += 8) {
        int place[257] = {0};
        for (int i = 0; i < count; i++) place[1 + bin(from[i], low, shift)]++;
        for (int i = 0; i < 256; i++) place[i + 1] += place[i];
        for (int i = 0; i < count; i++) to[place[bin(from[i], low, shift)]++] = from[i];
        Value **sorted = to;
        to = from;
        from = sorted;
    }
    if (from == spare_nodes) memcpy(free_nodes + start, from, count * sizeof *from);
}

/* A node without inputs and not yet tracked by the collector. */
static inline Value *new_node(int row, int kind, double data) {
    Value *v;
    if (UNLIKELY(!free_count)) {
        v = PyObject_GC_New(Value, value_type);
        if (!v) return NULL;
    } else {
        v = free_nodes[--free_count];
        if (free_count >= 4) PREFETCH(free_nodes[free_count - 4]);
        Py_SET_REFCNT((PyObject *)v, 1);
    }
    /* NumPy warns of flags that it finds after a loop over objects. */
    if (UNLIKELY(!isfinite(data))) feclearexcept(FE_ALL_EXCEPT);
    v->data = data;
    v->grad = 0.0;
    v->a = NULL;
    v->b = NULL;
    v->more = NULL;
    v->mark = 0;
    v->row = row;
    v->kind = kind;
    return v;
}

static Value *new_leaf(double data) {
    Value *v = new_node(ROW_LEAF, NONE, data);
    if (v) PyObject_GC_Track(v);
    return v;
}

/* Takes over the reference to the float. */
static inline Value *new_operand(PyObject *number) {
    Value *v = new_node(ROW_OPERAND, NUMBER, PyFloat_AsDouble(number));
    if (!v) { Py_DECREF(number); return NULL; }
    v->number = number;
    PyObject_GC_Track(v);
    return v;
}

/* What observers are shown: put into the list of the one who only keeps it, where that is all. */
static PyObject *shown(Value *v, PyObject *kept, PyObject *tell) {
    PyObject *told = NULL;
    int well;
    if (kept && PyThread_get_thread_ident() == kept_thread)
        well = PyList_Append(kept, OBJECT(v)) == 0;
    else well = (told = PyObject_CallFunctionObjArgs(tell, OBJECT(v), NULL)) != NULL;
    Py_XDECREF(told);
    if (!well) { Py_DECREF(OBJECT(v)); return NULL; }
    return OBJECT(v);
}

/* A finished operation. */
static inline PyObject *finished(Value *v) {
    PyObject_GC_Track(v);
    return UNLIKELY(observed) ? shown(v, kept_nodes, tell_made) : OBJECT(v);
}

static PyObject *told_leaf(Value *v) {
    return v && UNLIKELY(observed) ? shown(v, kept_leaves, tell_leaf) : OBJECT(v);
}

static inline void release(Value *v) {
    if (free_count < MOST_FREE && IS_VALUE(v)) {
        free_nodes[free_count++] = v;
        return;
    }
    PyTypeObject *type = Py_TYPE(OBJECT(v));
    PyObject_GC_Del(v);
    Py_DECREF(type);
}

static void empty_free_nodes(void) {
    while (free_count) {
        Value *v = free_nodes[--free_count];
        PyTypeObject *type = Py_TYPE(OBJECT(v));
        PyObject_GC_Del(v);
        Py_DECREF(type);
    }
}

/* One reference less; a plain node that dies of it waits in a list threaded through `data`. */
static inline void drop(Value *v, Value **dead) {
    if (Py_REFCNT(OBJECT(v)) > 1 || !IS_VALUE(v)) { Py_DECREF(OBJECT(v)); return; }
    PyObject_GC_UnTrack(v);
    memcpy(&v->data, dead, sizeof *dead);
    *dead = v;
}

static void node_dealloc(PyObject *self) {
    Value *v = (Value *)self, *dead = NULL;
    const int before = free_count;
    PyObject_GC_UnTrack(v);
    for (;;) {
        Value node = *v;
        release(v);
        switch (node.kind) {
        case NUMBER: Py_DECREF(node.number); break;
        case ONE: case ONE_STATIC: drop(node.a, &dead); break;
        case TWO: drop(node.a, &dead); drop(node.b, &dead); break;
        case THREE:
            drop(node.a, &dead); drop(node.rest->b, &dead); drop(node.rest->c, &dead);
            PyMem_Free(node.rest);
        }
        Py_XDECREF(node.more);
        if (!dead) break;
        v = dead;
        memcpy(&dead, &v->data, sizeof dead);
    }
    if (free_count - before >= SORTED) sort_free(before);
}

static int node_traverse(PyObject *self, visitproc visit, void *arg) {
    Value *v = (Value *)self;
    Py_VISIT(Py_TYPE(self));
    if (v->kind >= ONE) Py_VISIT(OBJECT(v->a));
    if (v->kind == TWO) Py_VISIT(OBJECT(v->b));
    if (v->kind == THREE) { Py_VISIT(OBJECT(v->rest->b)); Py_VISIT(OBJECT(v->rest->c)); }
    Py_VISIT(v->more);
    return 0;
}

/* Inputs were there before the node: whatever cycle there is goes through `more`. */
static int node_clear(PyObject *self) {
    Value *v = (Value *)self;
    if (v->row == ROW_STORED) { v->data = number(v); v->row = ROW_LEAF; v->kind = NONE; v->a = NULL; }
    Py_CLEAR(v->more);
    return 0;
}

static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    if (type == value_type) return (PyObject *)new_leaf(0.0);
    return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

static int node_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"data", "_children", "_op", "label", NULL};
    PyObject *x, *children = NULL, *op = NULL, *label = NULL;
    Value *v = (Value *)self;
    double data;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOO:Value", names, &x, &children, &op, &label))
        return -1;
    if (!to_double(x, "data", &data)) return -1;
    set_number(v, data);
    v->grad = 0.0;
    v->mark = 0;
    if (children || op || label) {
        PyObject *none = PyTuple_New(0), *empty = PyUnicode_FromString(""), *done = NULL;
        if (none && empty)
            done = PyObject_CallMethod(self, "_describe", "OOO", children ? children : none,
                                       op ? op : empty, label ? label : empty);
        Py_XDECREF(none);
        Py_XDECREF(empty);
        if (!done) return -1;
        Py_DECREF(done);
    }
    if (!observed) return 0;
    Py_INCREF(self);
    PyObject *told = told_leaf(v);
    Py_XDECREF(told);
    return told ? 0 : -1;
}
