/* Life and death of nodes. Dead nodes are kept for new ones; a dead graph is walked in a loop. */

enum { MOST_FREE = 100000 };
static Value *free_nodes;
static int free_count;

/* A node without inputs and not yet tracked by the collector. */
static inline Value *new_node(int row, int kind, double data) {
    Value *v = free_nodes;
    if (UNLIKELY(!v)) {
        v = PyObject_GC_New(Value, value_type);
        if (!v) return NULL;
    } else {
        free_nodes = v->a;
        free_count--;
        if (free_nodes) PREFETCH(free_nodes->a);
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

/* A finished operation, shown to observers. */
static inline PyObject *finished(Value *v) {
    PyObject_GC_Track(v);
    if (UNLIKELY(observed)) {
        PyObject *told = PyObject_CallFunctionObjArgs(tell_made, (PyObject *)v, NULL);
        if (!told) { Py_DECREF(OBJECT(v)); return NULL; }
        Py_DECREF(told);
    }
    return (PyObject *)v;
}

static PyObject *told_leaf(Value *v) {
    if (v && UNLIKELY(observed)) {
        PyObject *told = PyObject_CallFunctionObjArgs(tell_leaf, (PyObject *)v, NULL);
        if (!told) { Py_DECREF(OBJECT(v)); return NULL; }
        Py_DECREF(told);
    }
    return (PyObject *)v;
}

static inline void release(Value *v) {
    if (free_count < MOST_FREE && IS_VALUE(v)) {
        v->a = free_nodes;
        free_nodes = v;
        free_count++;
        return;
    }
    PyTypeObject *type = Py_TYPE(OBJECT(v));
    PyObject_GC_Del(v);
    Py_DECREF(type);
}

static void empty_free_nodes(void) {
    while (free_nodes) {
        Value *v = free_nodes;
        PyTypeObject *type = Py_TYPE(OBJECT(v));
        free_nodes = v->a;
        PyObject_GC_Del(v);
        Py_DECREF(type);
    }
    free_count = 0;
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
        if (!dead) return;
        v = dead;
        memcpy(&dead, &v->data, sizeof dead);
    }
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
